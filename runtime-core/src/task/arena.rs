//! [`Arena`]: the pages that the records live in, and the centre of the free lists.
//!
//! A record's memory is *type-stable*: once a `Task`, always a `Task`, so a waker that outlives its runtime, and an observer
//! that follows a stale pointer, touch a valid record, though perhaps another task's. Therefore an arena and its pages are
//! never freed. When a registry goes, its arena returns to a pool in the process and the next registry takes it over,
//! with the records that late wakers still hold: those come back one by one. Memory for records is bounded by the most
//! tasks that were ever alive together.
//!
//! A page is 64 KiB and aligned to that, so that a record finds its page, and with that its arena and its runtime, by masking
//! its own address: a word less in each record. Pages are linked in a list that readers walk without a lock, for it only
//! ever grows at the head.
//!
//! Who may call: caches, when a stack is empty or full; `record.rs`, when a record is released by a thread that holds no
//! processor; `registry.rs`. The locks here are held for a constant number of steps, plus one page's set-up, and no user
//! code runs under them. Order: `remote` before `central`.
//!
//! Models: `loom-tests/tests/registry.rs`.

use super::Task;
use super::annex::Annex;
use super::memory::{Block, Caches, Stack, free_blocks};
use super::registry::Sink;
use crate::policy;
use crate::striped::Striped;
use crate::sync::{AtomicBool, AtomicPtr, Mutex, MutexGuard, Ordering, UncheckedU64, UnsafeCell};
use std::alloc::{Layout, alloc, handle_alloc_error};
use std::mem::offset_of;
use std::ptr::{NonNull, null_mut};

/// What a page begins with; the records follow, and then an [`Annex`] for each of them.
#[repr(C, align(128))]
struct Page {
    arena: NonNull<Arena>,
    /// The page that was made before it. Written before the page is published, never again.
    older: *mut Page,
}

pub(super) const RECORDS_AT: usize = size_of::<Page>().next_multiple_of(align_of::<Task>());
pub(super) const RECORDS: usize = {
    let room = policy::PAGE_BYTES - RECORDS_AT - align_of::<Annex>();
    let fit = room / (size_of::<Task>() + size_of::<Annex>());
    if fit < policy::PAGE_RECORDS { fit } else { policy::PAGE_RECORDS }
};
const ANNEXES_AT: usize = (RECORDS_AT + RECORDS * size_of::<Task>()).next_multiple_of(align_of::<Annex>());
const PAGE: Layout = match Layout::from_size_align(policy::PAGE_BYTES, policy::PAGE_BYTES) {
    Ok(layout) => layout,
    Err(_) => panic!("the page size is a power of two"),
};
const _: () = assert!(RECORDS > 0 && ANNEXES_AT + RECORDS * size_of::<Annex>() <= policy::PAGE_BYTES);

/// Where in a page a debugger finds the next older one.
pub(super) const OLDER_PAGE_AT: usize = offset_of!(Page, older);
/// And in an arena the next older one, the newest page, whether it is a set's, and the sink.
pub(super) const OLDER_ARENA_AT: usize = offset_of!(Arena, older);
pub(super) const NEWEST_PAGE_AT: usize = offset_of!(Arena, newest);
pub(super) const LOCAL_AT: usize = offset_of!(Arena, local);
pub(super) const SINK_AT: usize = offset_of!(Arena, sink);

/// The pages of one runtime's tasks.
#[repr(align(128))]
pub(super) struct Arena {
    sink: UnsafeCell<Option<Sink>>,
    /// Whether its tasks are those of a set, and not of a runtime; for observers.
    local: AtomicBool,
    newest: AtomicPtr<Page>,
    /// The arena that was made before it, in the whole process. Written before it is published, never again.
    older: AtomicPtr<Arena>,
    /// Bytes of its pages, and of the free bodies of the centre: for observers.
    page_bytes: UncheckedU64,
    free_bytes: UncheckedU64,
    central: Mutex<Central>,
    remote: Striped<Mutex<Option<Caches>>>,
}

// SAFETY: the sink is written only while no task lives, the rest is atomics and mutexes.
unsafe impl Sync for Arena {}

struct Central {
    records: Vec<Stack<Task>>,
    blocks: [Vec<Stack<Block>>; policy::MEMORY_CLASSES],
    block_bytes: usize,
}

impl Arena {
    /// An arena without pages, for ever.
    pub(super) fn new() -> NonNull<Self> {
        let arena = NonNull::from(Box::leak(Box::new(Self {
            sink: UnsafeCell::new(None),
            local: AtomicBool::new(false),
            newest: AtomicPtr::new(null_mut()),
            older: AtomicPtr::new(null_mut()),
            page_bytes: UncheckedU64::new(0),
            free_bytes: UncheckedU64::new(0),
            central: Mutex::new(Central {
                records: Vec::new(),
                blocks: [const { Vec::new() }; policy::MEMORY_CLASSES],
                block_bytes: 0,
            }),
            remote: Striped::new(|| Mutex::new(None)),
        })));
        // SAFETY: just made.
        for remote in unsafe { arena.as_ref() }.remote.iter() {
            *remote.lock() = Some(Caches::new(arena));
        }
        arena
    }

    /// # Safety
    /// No task of this arena is alive, nor any other call under way.
    pub(super) unsafe fn set_sink(&self, sink: Option<Sink>) {
        // SAFETY: only wakes of live tasks read it.
        self.sink.with_mut(|cell| unsafe { *cell = sink });
    }

    /// Says whether the tasks are those of a set.
    pub(super) fn set_local(&self, local: bool) {
        // Ordering: Relaxed; for observers, who read each record by its own rules.
        self.local.store(local, Ordering::Relaxed);
    }

    /// Where the runnable tasks of this arena go.
    ///
    /// # Safety
    /// The caller has the right to run a task of this arena, and therefore that task is alive.
    #[inline(always)]
    pub(super) unsafe fn sink(&self) -> Option<Sink> {
        // SAFETY: nobody writes it while a task is alive.
        self.sink.with(|cell| unsafe { *cell })
    }

    /// Caches of threads without a processor: this thread's share of them or, if another has that at the moment, the next.
    pub(super) fn with_remote<R>(&self, f: impl FnOnce(&mut Caches) -> R) -> R {
        let free = self.remote.mine_first().find_map(Mutex::try_lock);
        let mut remote: MutexGuard<'_, Option<Caches>> = free.unwrap_or_else(|| self.remote.mine().lock());
        match &mut *remote {
            Some(caches) => f(caches),
            None => unreachable!("an arena has its remote caches from its making to its end"),
        }
    }

    /// A stack of free records, of at least one.
    pub(super) fn take_records(&self) -> Stack<Task> {
        let mut central = self.central.lock();
        match central.records.pop() {
            Some(records) => records,
            None => self.grow(&mut central),
        }
    }

    pub(super) fn give_records(&self, records: Stack<Task>) {
        if records.len() > 0 {
            self.central.lock().records.push(records);
        }
    }

    /// A stack of free bodies of `class`, perhaps of none.
    pub(super) fn take_blocks(&self, class: u8) -> Stack<Block> {
        let mut central = self.central.lock();
        let Some(blocks) = central.blocks[usize::from(class)].pop() else { return Stack::new() };
        central.block_bytes -= blocks.len() * policy::memory_size(class);
        // Ordering: Relaxed; a fact for observers, written under the lock.
        self.free_bytes.store(central.block_bytes as u64, Ordering::Relaxed);
        blocks
    }

    pub(super) fn give_blocks(&self, class: u8, blocks: Stack<Block>) {
        let bytes = blocks.len() * policy::memory_size(class);
        if bytes == 0 {
            return;
        }
        let mut central = self.central.lock();
        if central.block_bytes + bytes <= policy::MEMORY_CENTRAL_BYTES {
            central.block_bytes += bytes;
            // Ordering: Relaxed; as in `take_blocks`.
            self.free_bytes.store(central.block_bytes as u64, Ordering::Relaxed);
            central.blocks[usize::from(class)].push(blocks);
        } else {
            drop(central);
            free_blocks(class, blocks);
        }
    }

    /// Adds a page: some of its records are the caller's, the rest central's.
    #[cold]
    fn grow(&self, central: &mut Central) -> Stack<Task> {
        // SAFETY: a page is not empty.
        let Some(page) = NonNull::new(unsafe { alloc(PAGE) }) else { handle_alloc_error(PAGE) };
        // `page_of` gets back here from a bare address.
        page.as_ptr().expose_provenance();
        // Ordering: Relaxed; pages are added under the lock only.
        let older = self.newest.load(Ordering::Relaxed);
        // SAFETY: the memory is a page's and nobody else's yet.
        unsafe { page.cast::<Page>().write(Page { arena: NonNull::from(self), older }) };
        let mut records = Stack::new();
        for index in (0..RECORDS).rev() {
            if records.len() == policy::RECORD_MAGAZINE {
                central.records.push(std::mem::replace(&mut records, Stack::new()));
            }
            // SAFETY: `RECORDS` records fit behind the header, and as many annexes behind them.
            unsafe {
                let record = record_at(page.cast(), index);
                record.write(Task::free());
                annex_at(page.cast(), index).write(Annex::new());
                records.push(record);
            }
        }
        // Ordering: Release pairs with the Acquire of `for_each`: a reader finds the header and the records made.
        self.newest.store(page.cast::<Page>().as_ptr(), Ordering::Release);
        // Ordering: Relaxed; a fact for observers.
        self.page_bytes.fetch_add(policy::PAGE_BYTES as u64, Ordering::Relaxed);
        records
    }

    /// Every record, in use or not. Takes no lock; records of pages that are added meanwhile may be missed.
    pub(super) fn for_each(&self, mut f: impl FnMut(&Task)) {
        // Ordering: Acquire pairs with the Release of `grow`; older pages were published before newer ones.
        let mut next = NonNull::new(self.newest.load(Ordering::Acquire));
        while let Some(page) = next {
            for index in 0..RECORDS {
                // SAFETY: published pages are never freed while the arena is in use, nor their records.
                f(unsafe { record_at(page, index).as_ref() });
            }
            // SAFETY: as above; `older` does not change.
            next = NonNull::new(unsafe { page.as_ref() }.older);
        }
    }

    /// Bytes of the pages, and of the free bodies that the centre keeps.
    pub(super) fn memory(&self) -> (u64, u64) {
        // Ordering: Relaxed; facts for observers.
        (self.page_bytes.load(Ordering::Relaxed), self.free_bytes.load(Ordering::Relaxed))
    }

    /// Records that the pages have room for.
    pub(super) fn capacity(&self) -> usize {
        let mut records = 0;
        self.for_each(|_| records += 1);
        records
    }
}

/// # Safety
/// `page` is a page, `index` below `RECORDS`.
#[inline(always)]
unsafe fn record_at(page: NonNull<Page>, index: usize) -> NonNull<Task> {
    // SAFETY: inside the page.
    unsafe { page.byte_add(RECORDS_AT + index * size_of::<Task>()).cast() }
}

/// # Safety
/// As [`record_at`].
#[inline(always)]
unsafe fn annex_at(page: NonNull<Page>, index: usize) -> NonNull<Annex> {
    // SAFETY: inside the page.
    unsafe { page.byte_add(ANNEXES_AT + index * size_of::<Annex>()).cast() }
}

/// The page of `record`, and its offset in it.
#[inline(always)]
fn page_of(record: NonNull<Task>) -> (NonNull<Page>, usize) {
    let address = record.as_ptr().addr();
    let page = std::ptr::with_exposed_provenance_mut(address & !(policy::PAGE_BYTES - 1));
    // SAFETY: every record lives in a page, which is aligned to its size, and not at its beginning.
    (unsafe { NonNull::new_unchecked(page) }, address & (policy::PAGE_BYTES - 1))
}

/// The arena that `record` lives in.
#[inline(always)]
pub(super) fn arena_of(record: NonNull<Task>) -> NonNull<Arena> {
    // SAFETY: the header of a page never changes.
    unsafe { page_of(record).0.as_ref() }.arena
}

/// The annex of `record`.
#[inline(always)]
pub(super) fn annex_of(record: &Task) -> &Annex {
    let (page, offset) = page_of(NonNull::from(record));
    // SAFETY: each record has one in its page, made with it, and as long there.
    unsafe { annex_at(page, (offset - RECORDS_AT) / size_of::<Task>()).as_ref() }
}

/// The arenas of registries that are gone.
#[cfg(not(any(gumption_loom, gumption_shuttle)))]
mod pool {
    use super::Arena;
    use crate::debugger;
    use crate::sync::{Ordering, StaticMutex, UncheckedPtr};
    use std::ptr::{NonNull, from_ref, null_mut};

    struct Idle(NonNull<Arena>);
    // SAFETY: an arena may be used from any thread.
    unsafe impl Send for Idle {}

    static POOL: StaticMutex<Vec<Idle>> = StaticMutex::new(Vec::new());
    /// All there ever were: the newest of them.
    static NEWEST: UncheckedPtr<Arena> = UncheckedPtr::new(null_mut());

    pub(crate) fn take() -> NonNull<Arena> {
        let idle = POOL.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
        idle.map_or_else(make, |idle| idle.0)
    }

    fn make() -> NonNull<Arena> {
        let arena = Arena::new();
        debugger::learn();
        // Ordering: Relaxed; the exchange acquires what it links to.
        let mut older = NEWEST.load(Ordering::Relaxed);
        loop {
            // SAFETY: just made, and nobody else's yet. Ordering: Relaxed; the exchange publishes it.
            unsafe { arena.as_ref() }.older.store(older, Ordering::Relaxed);
            // Ordering: Release pairs with the Acquire of whoever walks the list; Acquire, so that the next one's Release
            // publishes the older ones, too.
            match NEWEST.compare_exchange(older, arena.as_ptr(), Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return arena,
                Err(newer) => older = newer,
            }
        }
    }

    /// Where the list of all arenas begins, for a debugger.
    pub(crate) fn list() -> *const () {
        from_ref(&NEWEST).cast()
    }

    /// The arenas of sets of local tasks.
    pub(crate) fn for_each_local(mut f: impl FnMut(&Arena)) {
        // Ordering: Acquire pairs with the exchange in `make`.
        let mut next = NonNull::new(NEWEST.load(Ordering::Acquire));
        while let Some(arena) = next {
            // SAFETY: arenas are never freed.
            let arena = unsafe { arena.as_ref() };
            // Ordering: Relaxed, as `set_local`.
            if arena.local.load(Ordering::Relaxed) {
                f(arena);
            }
            // Ordering: Relaxed; it was published with the arena.
            next = NonNull::new(arena.older.load(Ordering::Relaxed));
        }
    }

    /// # Safety
    /// No task of the arena is alive.
    pub(crate) unsafe fn give(arena: NonNull<Arena>) {
        POOL.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(Idle(arena));
    }
}

/// Under the checkers nothing may outlive an execution, so an arena is freed with its registry; but for one of which a record is still
/// referenced, by a waker that is late: that is left behind for it.
#[cfg(any(gumption_loom, gumption_shuttle))]
mod pool {
    use super::{Arena, PAGE, Page};
    use crate::debugger;
    use crate::sync::Ordering;
    use std::alloc::dealloc;
    use std::ptr::{NonNull, null};

    pub(crate) fn take() -> NonNull<Arena> {
        debugger::learn();
        Arena::new()
    }

    /// None: an arena of a model is the model's.
    pub(crate) fn list() -> *const () {
        null()
    }

    /// None: an arena of a model is the model's.
    pub(crate) fn for_each_local(_: impl FnMut(&Arena)) {}

    /// # Safety
    /// No task of the arena is alive.
    pub(crate) unsafe fn give(arena: NonNull<Arena>) {
        let mut referenced = false;
        // SAFETY: the caller's until it is freed.
        unsafe { arena.as_ref() }.for_each(|task| referenced |= task.id().is_some());
        if referenced {
            return;
        }
        // SAFETY: made by `Arena::new`, and the last use. The remote caches go first: their drop uses the arena.
        unsafe {
            for remote in arena.as_ref().remote.iter() {
                let caches = remote.lock().take();
                drop(caches);
            }
            for (class, stacks) in (0..).zip(&mut arena.as_ref().central.lock().blocks) {
                stacks.drain(..).for_each(|blocks| super::free_blocks(class, blocks));
            }
            let mut next: *mut Page = arena.as_ref().newest.load(Ordering::Acquire);
            while let Some(page) = NonNull::new(next) {
                next = page.as_ref().older;
                dealloc(page.as_ptr().cast(), PAGE);
            }
            drop(Box::from_raw(arena.as_ptr()));
        }
    }
}

pub(crate) use pool::list;
pub(super) use pool::{for_each_local, give, take};
