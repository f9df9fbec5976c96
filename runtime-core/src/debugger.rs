//! [`GUMPTION_DEBUG_LAYOUT`]: where a debugger finds the tasks in the memory of a process, or of one that has died.
//!
//! gdb cannot call our functions in a core file, and a release build has no DWARF that would tell it the types. So one exported
//! static says where everything is: a list of names and numbers (offsets of fields, masks of bits, addresses of tables). The
//! script `gdb/gumption.py`, which is embedded in every program with debug information and can be `source`d otherwise, reads
//! that and then raw memory. It runs nothing, and takes no lock: what it shows is what the memory said when the process stood
//! still, perhaps in the middle of a step.
//!
//! Whoever changes a structure that is described here changes the description by that, because the numbers are `offset_of!`;
//! who changes what a number *means* changes [`VERSION`], and the script.
//!
//! The layout of `Location`, which is the standard library's own, is found by looking for a known place in its memory, once,
//! when the first runtime is made ([`learn`]). Whatever is not as expected is left out, and the script shows less.
//!
//! It is in every build. Under the checkers the records are different, and no list of arenas is kept, because no arena outlives
//! an execution: the script then finds no task.

use crate::processor::Processor;
use crate::queue::Ring;
use crate::scheduler::Scheduler;
use crate::sync::{Ordering, UncheckedU64};
use crate::task::{Task, debug as task};
use crate::wait::WaitReason;
use std::mem::offset_of;
use std::panic::Location;
use std::ptr::from_ref;

/// Of the meaning of the numbers.
const VERSION: u32 = 1;

/// A name and a number.
#[derive(Debug)]
#[repr(C)]
pub struct Number {
    name: [u8; 24],
    value: UncheckedU64,
}

/// What a debugger reads. The first bytes are the same in every version.
#[derive(Debug)]
#[repr(C)]
pub struct Layout {
    magic: [u8; 8],
    version: u32,
    /// How many numbers follow.
    count: u32,
    numbers: [Number; COUNT],
}

const COUNT: usize = task::NUMBERS.len() + HERE.len();

/// In the array below, where [`learn`] writes.
const PATH_AT: usize = 0;
const PATH_LEN_AT: usize = 1;
const LINE_AT: usize = 2;
const ARENAS: usize = 3;
const REASONS: usize = 4;
const NAMES: usize = 5;
const NAME_LISTS: usize = 6;

/// Not known.
const UNKNOWN: u64 = u64::MAX;

const HERE: [(&str, u64); 18] = [
    ("location.path", UNKNOWN),
    ("location.path_len", UNKNOWN),
    ("location.line", UNKNOWN),
    ("arenas", UNKNOWN),
    ("reasons", UNKNOWN),
    ("names", UNKNOWN),
    ("names.lists", 0),
    ("reasons.count", WaitReason::ALL.len() as u64),
    ("scheduler.processors", offset_of!(Scheduler, processors) as u64),
    ("scheduler.coarse", Scheduler::COARSE_AT as u64),
    ("processor.size", size_of::<Processor>() as u64),
    ("processor.status", offset_of!(Processor, status) as u64),
    ("processor.head", (offset_of!(Processor, ring) + Ring::<Task>::HEAD_AT) as u64),
    ("processor.tail", (offset_of!(Processor, ring) + Ring::<Task>::TAIL_AT) as u64),
    ("processor.next", offset_of!(Processor, next) as u64),
    ("processor.tick", Processor::TICK_AT as u64),
    ("processor.current", Processor::CURRENT_AT as u64),
    ("processor.machine", Processor::MACHINE_AT as u64),
];

/// Where a debugger finds the tasks.
// SAFETY: the name is ours alone; two versions of this crate in one program do not link, and would not work together.
#[unsafe(no_mangle)]
#[used]
pub static GUMPTION_DEBUG_LAYOUT: Layout =
    Layout { magic: *b"GUMPTION", version: VERSION, count: COUNT as u32, numbers: numbers() };

const fn numbers() -> [Number; COUNT] {
    let mut all = [const { Number { name: [0; 24], value: UncheckedU64::new(0) } }; COUNT];
    let mut at = 0;
    while at < COUNT {
        let (name, value) = if at < HERE.len() { HERE[at] } else { task::NUMBERS[at - HERE.len()] };
        let name = name.as_bytes();
        // One byte stays 0, where the name ends.
        assert!(name.len() < 24);
        let mut byte = 0;
        while byte < name.len() {
            all[at].name[byte] = name[byte];
            byte += 1;
        }
        all[at].value = UncheckedU64::new(value);
        at += 1;
    }
    all
}

/// A text, as a debugger reads it.
#[repr(C)]
struct Text(*const u8, usize);

// SAFETY: it points to a static that nobody writes.
unsafe impl Sync for Text {}

static REASON_TEXTS: [Text; WaitReason::ALL.len()] = {
    let mut texts = [const { Text(std::ptr::null(), 0) }; WaitReason::ALL.len()];
    let mut at = 0;
    while at < texts.len() {
        // They are numbered from 0 without a gap, which a test holds.
        let text = WaitReason::ALL[at].text();
        texts[at] = Text(text.as_ptr(), text.len());
        at += 1;
    }
    texts
};

/// Fills in what is known only when the program runs.
#[cold]
pub(crate) fn learn() {
    set(ARENAS, task::arenas().addr() as u64);
    set(REASONS, from_ref(&REASON_TEXTS).addr() as u64);
    let (names, lists) = task::names();
    set(NAMES, names.addr() as u64);
    set(NAME_LISTS, lists as u64);
    let known = Location::caller();
    if size_of::<Location<'_>>() != 24 || size_of::<usize>() != 8 || known.line() == known.column() {
        return;
    }
    // SAFETY: two words and two halves of one make 24 bytes without padding; this is a static of that type.
    let words = unsafe { from_ref(known).cast::<[u64; 3]>().read() };
    // SAFETY: as above.
    let halves = unsafe { from_ref(known).cast::<[u32; 6]>().read() };
    let path = words.iter().position(|&word| word == known.file().as_ptr().addr() as u64);
    // The text may end in a byte 0 that is counted.
    let len = words.iter().position(|&word| word.wrapping_sub(known.file().len() as u64) <= 1);
    let line = halves.iter().position(|&half| half == known.line());
    if let (Some(path), Some(len), Some(line)) = (path, len, line) {
        set(PATH_AT, path as u64 * 8);
        set(PATH_LEN_AT, len as u64 * 8);
        set(LINE_AT, line as u64 * 4);
    }
}

fn set(number: usize, value: u64) {
    // Ordering: Relaxed; who reads it stops the process.
    GUMPTION_DEBUG_LAYOUT.numbers[number].value.store(value, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_numbered_without_a_gap() {
        for (number, &reason) in WaitReason::ALL.iter().enumerate() {
            assert_eq!(number, reason as usize);
        }
    }

    #[test]
    fn places_are_found_and_each_name_once() {
        learn();
        let layout = &GUMPTION_DEBUG_LAYOUT;
        let value = |at: usize| layout.numbers[at].value.load(Ordering::Relaxed);
        assert!((PATH_AT..=NAME_LISTS).all(|at| value(at) != UNKNOWN));
        let here = Location::caller();
        let at = from_ref(here).cast::<u8>();
        // SAFETY: offsets inside of a `Location`, of a word and of half a one.
        let (path, line) = unsafe {
            let path = at.add(value(PATH_AT) as usize).cast::<*const u8>().read();
            (path, at.add(value(LINE_AT) as usize).cast::<u32>().read())
        };
        assert_eq!((path, line), (here.file().as_ptr(), here.line()));
        let mut names: Vec<_> = layout.numbers.iter().map(|number| number.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COUNT);
    }
}
