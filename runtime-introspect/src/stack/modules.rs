//! The modules of this process (the program, its libraries, the kernel's vdso): where their code is, and their unwind tables.
//!
//! Read from memory, where the dynamic linker has mapped them, inside `dl_iterate_phdr`, which lets none of them be unloaded
//! meanwhile; and *copied*, because one may be unloaded later. A few hundred KB for a large program. Nothing is read from
//! files, so it does not matter whether the program's file is still there.
//!
//! One list for the whole process, replaced when the dynamic linker says that it has loaded or unloaded something. Whoever
//! unwinds keeps the list that it has; [`current`] is a call for between two stacks.
//!
//! This file refuses to trust a module: a table that is not within a mapped segment of its module is left out.

use std::sync::{Arc, Mutex, PoisonError};

use super::arch::{Bytes, Rules};

/// What the dynamic linker counts: if it has not changed, neither have the modules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Loaded {
    modules: u64,
    added: u64,
    removed: u64,
}

/// The unwind rules of all modules.
pub(super) struct Modules {
    pub(super) rules: Rules,
    /// No code is beyond.
    pub(super) highest_code: u64,
    loaded: Loaded,
}

/// Replaced as a whole. A mutex of std: no observer holds it while it unwinds or while user code runs.
static CURRENT: Mutex<Option<Arc<Modules>>> = Mutex::new(None);

/// The modules as they are now. Milliseconds the first time, then a microsecond, unless something was loaded.
pub(super) fn current() -> Arc<Modules> {
    let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
    let loaded = imp::loaded();
    if let Some(known) = current.as_ref().filter(|known| known.loaded == loaded) {
        return Arc::clone(known);
    }
    let fresh = Arc::new(load(loaded));
    *current = Some(Arc::clone(&fresh));
    fresh
}

fn load(loaded: Loaded) -> Modules {
    use framehop::Unwinder;
    let mut rules = Rules::new();
    for module in imp::read() {
        rules.add_module(framehop::Module::new(
            module.name,
            module.code,
            module.base,
            framehop::ExplicitModuleSectionInfo {
                base_svma: 0,
                eh_frame_hdr_svma: Some(module.header_at..module.header_at + module.header.len() as u64),
                eh_frame_hdr: Some(module.header),
                eh_frame_svma: Some(module.table_at..module.table_at + module.table.len() as u64),
                eh_frame: Some(module.table),
                ..Default::default()
            },
        ));
    }
    Modules { highest_code: rules.max_known_code_address(), rules, loaded }
}

/// One module. Addresses are relative to `base`, but for `code`.
struct Found {
    name: String,
    base: u64,
    code: std::ops::Range<u64>,
    header_at: u64,
    header: Bytes,
    table_at: u64,
    table: Bytes,
}

/// How long a `.eh_frame` that begins `bytes` is: up to its end mark, or to the last entry that is whole.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
fn table_length(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let Some(word) = bytes.get(at..at + 4) else { return at };
        let mut entry = 4 + u32::from_ne_bytes([word[0], word[1], word[2], word[3]]) as usize;
        if entry == 4 {
            return at + 4;
        }
        if entry == 4 + u32::MAX as usize {
            let Some(long) = bytes.get(at + 4..at + 12).and_then(|long| long.try_into().ok()) else { return at };
            let Ok(length) = usize::try_from(u64::from_ne_bytes(long)) else { return at };
            entry = length.saturating_add(12);
        }
        match at.checked_add(entry) {
            Some(next) if next <= bytes.len() => at = next,
            _ => return at,
        }
    }
}

/// Where the `.eh_frame` is that a `.eh_frame_hdr` at `address` points to; none if it says so in an unusual way.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
fn table_address(header: &[u8], address: u64) -> Option<u64> {
    const VERSION: u8 = 1;
    /// Relative to where the pointer itself is, four bytes with a sign: what every linker writes.
    const RELATIVE_32: u8 = 0x1b;
    let [VERSION, RELATIVE_32, _, _, rest @ ..] = header else { return None };
    let offset = i32::from_ne_bytes(rest.get(..4)?.try_into().ok()?);
    address.checked_add(4)?.checked_add_signed(i64::from(offset))
}

#[cfg(target_os = "linux")]
mod imp {
    use super::{Found, Loaded, table_address, table_length};
    use libc::{c_int, c_void, dl_phdr_info, size_t};
    use std::ffi::CStr;
    use std::ops::Range;

    /// What the dynamic linker counts.
    pub fn loaded() -> Loaded {
        let mut loaded = Loaded::default();
        for_each(|info, size| {
            loaded.modules += 1;
            if size >= std::mem::size_of::<dl_phdr_info>() {
                (loaded.added, loaded.removed) = (info.dlpi_adds, info.dlpi_subs);
            }
        });
        loaded
    }

    /// All modules that have unwind tables.
    pub fn read() -> Vec<Found> {
        let mut found = Vec::new();
        for_each(|info, _| found.extend(module(info)));
        found
    }

    fn for_each(mut each: impl FnMut(&dl_phdr_info, usize)) {
        type Each<'a> = dyn FnMut(&dl_phdr_info, usize) + 'a;
        unsafe extern "C" fn call(info: *mut dl_phdr_info, size: size_t, each: *mut c_void) -> c_int {
            // SAFETY: the dynamic linker's info, and the closure that `for_each` has passed.
            unsafe { (*each.cast::<&mut Each<'_>>())(&*info, size) };
            0
        }
        let mut each: &mut Each<'_> = &mut each;
        // SAFETY: `call` takes what it is given here, for as long as this call lasts; the closures above do not panic
        // but when memory ends, which aborts.
        unsafe { libc::dl_iterate_phdr(Some(call), (&raw mut each).cast()) };
    }

    fn module(info: &dl_phdr_info) -> Option<Found> {
        // SAFETY: the dynamic linker's table of segments.
        let segments = unsafe { std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)) };
        let base = info.dlpi_addr;
        let mapped = |segment: &libc::Elf64_Phdr| -> Range<u64> {
            let start = base.wrapping_add(segment.p_vaddr);
            start..start.saturating_add(segment.p_memsz)
        };
        let readable =
            || segments.iter().filter(|segment| segment.p_type == libc::PT_LOAD && segment.p_flags & libc::PF_R != 0);
        // The bytes from an address to the end of the segment that it is in.
        let bytes = |address: u64| -> Option<&[u8]> {
            let segment = readable().map(mapped).find(|segment| segment.contains(&address))?;
            // SAFETY: mapped and readable, by what the dynamic linker says, while this callback lasts.
            Some(unsafe { std::slice::from_raw_parts(address as *const u8, (segment.end - address) as usize) })
        };
        let loads = || segments.iter().filter(|segment| segment.p_type == libc::PT_LOAD).map(mapped);
        let code = loads().map(|range| range.start).min()?..loads().map(|range| range.end).max()?;

        let header = segments.iter().find(|segment| segment.p_type == libc::PT_GNU_EH_FRAME)?;
        let header_at = mapped(header).start;
        let header = bytes(header_at)?.get(..usize::try_from(header.p_memsz).ok()?)?;
        let table_at = table_address(header, header_at)?;
        let table = bytes(table_at)?;
        let name = if info.dlpi_name.is_null() {
            String::new()
        } else {
            // SAFETY: the dynamic linker's string.
            unsafe { CStr::from_ptr(info.dlpi_name) }.to_string_lossy().into_owned()
        };
        Some(Found {
            name,
            base,
            code,
            header_at: header_at.wrapping_sub(base),
            header: header.into(),
            table_at: table_at.wrapping_sub(base),
            table: table[..table_length(table)].into(),
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use super::{Found, Loaded};

    pub fn loaded() -> Loaded {
        Loaded::default()
    }

    pub fn read() -> Vec<Found> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{table_address, table_length};

    #[test]
    fn a_table_ends_at_its_mark_or_at_its_last_whole_entry() {
        let entry = [4u8, 0, 0, 0, 1, 2, 3, 4];
        let mut bytes = entry.repeat(2);
        assert_eq!(table_length(&bytes), 16);
        bytes.extend([0; 4]);
        bytes.extend([9; 40]);
        assert_eq!(table_length(&bytes), 20, "the mark belongs to it, what follows does not");
        assert_eq!(table_length(&[40, 0, 0, 0, 1]), 0, "an entry that is cut");
        assert_eq!(table_length(&[0xff; 12]), 0, "a length that is no length");
    }

    #[test]
    fn a_header_of_another_kind_is_left_alone() {
        let mut header = [1, 0x1b, 3, 0x3b, 0, 1, 0, 0];
        assert_eq!(table_address(&header, 0x1000), Some(0x1104));
        header[1] = 0x50;
        assert_eq!(table_address(&header, 0x1000), None);
        assert_eq!(table_address(&[1, 0x1b], 0x1000), None);
    }
}
