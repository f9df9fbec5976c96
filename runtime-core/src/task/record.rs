//! [`Task`]: the G. One cache line that is the task's header and its entry in the registry at once.
//!
//! A record lives in a page that is never freed (`arena.rs`) and is recycled by its runtime; what varies in size, the future and
//! its output, is in the [`Body`](super::body::Body). So a waker needs no more than this line, an observer reads it without
//! following a pointer, and a waker that comes late touches valid memory.
//!
//! The record is also a seqlock whose sequence word is the task's id, which is never used twice: 0 while there is no task,
//! [`read`](Task::read) takes a copy and believes it if the id was the same before and after. What changes during a task's
//! life (the state, what it waits for) is one word each and as fresh as a relaxed load. What nobody but observers asks for is in
//! its [`annex`](super::annex).
//!
//! | field | written by |
//! | --- | --- |
//! | state | everybody, by `state.rs`'s rules |
//! | vtable, id, site | the spawner, before anybody else has the task |
//! | body | the spawner; whoever frees it |
//! | link | whoever holds the right to run; the free lists. Of the future of a `block_on`: who drives it (`main.rs`) |
//! | wait, since | the task itself, by [`blocked_on`](crate::wait::blocked_on); `since` also by a timed wake |
//!
//! Models: `loom-tests/tests/registry.rs`, `loom-tests/tests/task.rs`.

use super::annex::Annex;
use super::arena::annex_of;
use super::bits::Bits;
use super::body::{Body, Vtable};
use super::state::{Abort, State};
use super::{AbortHandle, Id, Runnable, capture, labels, names};
use crate::contention::{self, WaitEnd};
use crate::policy;
use crate::queue::{Link, Node};
use crate::sync::{AtomicPtr, AtomicU64, Ordering, UnsafeCell, broken, fence, weaken};
use crate::wait::{self, WaitReason};
use std::fmt;
use std::mem::offset_of;
use std::panic::Location;
use std::ptr::{NonNull, from_ref};
use std::sync::Arc;

/// A task: one 64-byte record, for ever at its address.
#[repr(C, align(64))]
pub struct Task {
    pub(super) state: State,
    vtable: AtomicPtr<Vtable>,
    body: UnsafeCell<Option<NonNull<u8>>>,
    pub(super) link: Link<Task>,
    id: AtomicU64,
    site: AtomicPtr<Location<'static>>,
    wait: AtomicU64,
    since: AtomicU64,
}

const _: () = assert!(policy::CHECKED || size_of::<Task>() == 64);

/// In `since`: the time is that of a wake that was stamped, and nobody has taken the stamp yet. A task that is runnable
/// waits for nothing else, so the word is free for that, in a line that the run touches anyway. A stamp
/// is set by runs that are timed and by one in eight wakes from outside, so that it costs no clock of its own.
pub(super) const READY: u64 = 1 << 63;

/// Where in a record a debugger finds the vtable.
pub(super) const VTABLE_AT: usize = offset_of!(Task, vtable);
/// And the id.
pub(super) const ID_AT: usize = offset_of!(Task, id);
/// And the place of the spawn.
pub(super) const SITE_AT: usize = offset_of!(Task, site);
/// And what the task waits for.
pub(super) const WAIT_AT: usize = offset_of!(Task, wait);
/// And since when.
pub(super) const SINCE_AT: usize = offset_of!(Task, since);

// SAFETY: the atomics are; the body and the link have one owner at a time, by the rules of the state word.
unsafe impl Sync for Task {}
// SAFETY: as above; the future inside was `Send`, or its spawner answered for it.
unsafe impl Send for Task {}

// SAFETY: the link is a field, and belongs to whoever holds the right to run the task or, without one, its free list.
unsafe impl Node for Task {
    #[inline(always)]
    unsafe fn link(this: NonNull<Self>) -> *const Link<Self> {
        // SAFETY: the caller's promise.
        unsafe { &raw const (*this.as_ptr()).link }
    }
}

/// What an observer reads of a task: a copy, all of it of one task. What stands since the spawn (`id`, `site`, `vtable`, `parent`,
/// `born`) is whole; each of the others is as fresh as the read, and they need not be of the same moment.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The task's id.
    pub id: Id,
    /// Its state.
    pub bits: Bits,
    /// Where it was spawned.
    pub site: &'static Location<'static>,
    /// What it said it waits for when it last returned `Pending`; unknown while it runs.
    pub wait: WaitReason,
    /// The resource that it waits for, or 0.
    pub resource: u64,
    /// It has left its own waker with that resource, and has not taken it back. So if it is idle and has one waker, it waits for
    /// nothing else, unless the resource is about to wake it: see [`blocked_with`](crate::wait::blocked_with).
    pub exact: bool,
    /// Since when, in nanoseconds of the runtime's coarse clock; its spawn, if it has not waited yet; the wake that made it
    /// runnable, if that was timed. Each wait of a task has a later one than the wait before, if by a nanosecond.
    pub since: u64,
    /// Its type.
    pub vtable: &'static Vtable,
    /// The id of the task that spawned it, or of the `block_on` whose future did, which may have ended since; 0 if it was spawned
    /// outside of both, and in a build without counters.
    pub parent: u64,
    /// When it was spawned, in nanoseconds of the runtime's coarse clock; 0 without counters.
    pub born: u64,
    /// How often it was polled; 0 in a build without counters.
    pub polls: u64,
    /// The P that it ran on last; none if it has not run, or without counters.
    pub last_processor: Option<usize>,
    /// How long it was polled, in nanoseconds: an estimate from the one run in eight that is timed. 0 without counters.
    pub busy_ns: u64,
    /// The record, for who wants more of it than a copy.
    pub(crate) record: &'static Task,
}

impl Row {
    /// Whether it is the future of a `block_on`, and no task.
    pub fn is_main(&self) -> bool {
        self.vtable.is_main
    }

    /// The name of the future's type.
    pub fn type_name(&self) -> &'static str {
        (self.vtable.type_name)()
    }

    /// The task's record once more, if it still holds the task: as of a moment after this call began, and not, as a plain copy may
    /// be, of one before.
    ///
    /// Its bits are of one place in the order of the state word's changes. If it was idle there, in a wait of the same `since`
    /// as here, everything that it did in its last run is seen by who reads on from here, and what was done before this call is seen by
    /// its next run; and who finds it so twice knows that it has not run in between. For the few tasks of which
    /// something is to be proven; it writes to the line that wakers write to.
    pub fn again(&self) -> Option<Self> {
        let bits = self.record.state.confirm();
        let row = self.record.read().filter(|row| row.id == self.id)?;
        // Not those of the copy: it may have been idle, have run, and be idle again.
        Some(if broken("task-confirm-late-bits") { row } else { Self { bits, ..row } })
    }

    /// The task's own name, if it was given one and is still there.
    pub fn name(&self) -> Option<Arc<str>> {
        if self.bits.is_named() { names::find(self.id) } else { None }
    }

    /// Its labels, if it has any and is still there.
    pub fn labels(&self) -> Option<Arc<labels::Set>> {
        if self.bits.is_labelled() { labels::of(self.id) } else { None }
    }
}

/// What a spawner fills a record with.
pub(super) struct Birth {
    pub(super) vtable: &'static Vtable,
    pub(super) body: NonNull<u8>,
    pub(super) id: u64,
    pub(super) site: &'static Location<'static>,
    pub(super) parent: u64,
    pub(super) since: u64,
}

impl Task {
    /// A record that holds no task.
    pub(super) fn free() -> Self {
        Self {
            state: State::free(),
            vtable: AtomicPtr::new(from_ref(Body::<std::future::Pending<()>>::vtable()).cast_mut()),
            body: UnsafeCell::new(None),
            link: Link::new(),
            id: AtomicU64::new(0),
            site: AtomicPtr::new(from_ref(Location::caller()).cast_mut()),
            wait: AtomicU64::new(0),
            since: AtomicU64::new(0),
        }
    }

    /// Starts a task's life.
    ///
    /// # Safety
    /// The record is free and the caller's, who gets in return the right to run and the join handle's reference.
    #[inline(always)]
    pub(super) unsafe fn begin_life(&self, birth: Birth) {
        if !broken("registry-no-release-fence") {
            // Ordering: Release pairs with the Acquire fence of `read`: whoever sees one of the stores below sees also that
            // the id was 0, or is something newer.
            fence(Ordering::Release);
        }
        // Ordering: Relaxed; the fence above and the store of the id below enclose them.
        self.vtable.store(from_ref(birth.vtable).cast_mut(), Ordering::Relaxed);
        self.site.store(from_ref(birth.site).cast_mut(), Ordering::Relaxed);
        self.wait.store(WaitReason::Unknown.pack(0), Ordering::Relaxed);
        self.since.store(birth.since, Ordering::Relaxed);
        // SAFETY: the record is the caller's.
        self.body.with_mut(|body| unsafe { *body = Some(birth.body) });
        self.annex().begin(birth.parent, birth.since);
        self.state.spawn();
        // Ordering: Release pairs with the Acquire of `read`: the id comes with all of the above.
        self.id.store(birth.id, weaken("registry-publish-relaxed", Ordering::Release));
    }

    /// The task's id; none if the record holds no task.
    #[inline(always)]
    pub fn id(&self) -> Option<Id> {
        Id::new(self.number())
    }

    /// The task's id as a number; 0 if the record holds no task.
    #[inline(always)]
    pub(super) fn number(&self) -> u64 {
        // Ordering: Relaxed; whoever has a reference got it after the id was written.
        self.id.load(Ordering::Relaxed)
    }

    /// The id of a task that the caller has a reference to, or the right to run.
    #[inline(always)]
    pub(super) fn id_of_live(&self) -> Id {
        match self.id() {
            Some(id) => id,
            None => unreachable!("a referenced task has an id"),
        }
    }

    /// A consistent copy; none if the record holds no task or changed its task meanwhile.
    pub fn read(&self) -> Option<Row> {
        // SAFETY: records are never freed.
        let record: &'static Self = unsafe { NonNull::from(self).as_ref() };
        // Ordering: Acquire pairs with the Release of `begin_life`.
        let number = self.id.load(Ordering::Acquire);
        let id = Id::new(number)?;
        // Ordering: Relaxed; enclosed by the load above and the fence below.
        let vtable = self.vtable.load(Ordering::Relaxed);
        let site = self.site.load(Ordering::Relaxed);
        let wait = self.wait.load(Ordering::Relaxed);
        let since = self.since.load(Ordering::Relaxed) & !READY;
        let bits = self.state.peek();
        let annex = self.annex().read();
        if !broken("registry-no-acquire-fence") {
            // Ordering: Acquire pairs with the Release fence of `begin_life`: if any load above saw a later task's store, the
            // load below sees that the id has changed.
            fence(Ordering::Acquire);
        }
        // Ordering: Relaxed; ordered by the fence.
        if self.id.load(Ordering::Relaxed) != number {
            return None;
        }
        let exact = WaitReason::is_exact(wait);
        let (wait, resource) = WaitReason::unpack(wait);
        // SAFETY: a record's vtable and site are never null and always point to statics.
        let (vtable, site) = unsafe { (&*vtable, &*site) };
        Some(Row {
            id,
            bits,
            site,
            wait,
            resource,
            exact,
            since,
            vtable,
            parent: annex.parent,
            born: annex.born,
            polls: annex.polls,
            last_processor: annex.last_processor,
            busy_ns: annex.busy_ns,
            record,
        })
    }

    /// The state word, for advice.
    #[inline]
    pub fn bits(&self) -> Bits {
        self.state.peek()
    }

    /// Where the task was spawned.
    pub fn site(&self) -> &'static Location<'static> {
        // Ordering: Relaxed. SAFETY: never null, always a static.
        unsafe { &*self.site.load(Ordering::Relaxed) }
    }

    /// The name of its future's type. By whoever has a reference, or runs it.
    pub fn type_name(&self) -> &'static str {
        (self.vtable().type_name)()
    }

    #[inline(always)]
    pub(super) fn vtable(&self) -> &'static Vtable {
        // Ordering: Relaxed; the caller has a reference. SAFETY: never null, always a static.
        unsafe { &*self.vtable.load(Ordering::Relaxed) }
    }

    /// The body.
    ///
    /// # Safety
    /// The caller has the right to run, or the join handle, and the body has not been freed.
    #[inline(always)]
    pub(super) unsafe fn body(&self) -> NonNull<u8> {
        // SAFETY: the spawner wrote it, and nobody who may free it has done so.
        self.body.with(|body| unsafe { (*body).unwrap_unchecked() })
    }

    /// What observers want to know of it besides.
    #[inline(always)]
    pub(crate) fn annex(&self) -> &Annex {
        annex_of(self)
    }

    /// What the task waits for, and the resource.
    pub fn wait(&self) -> (WaitReason, u64) {
        WaitReason::unpack(self.wait_word())
    }

    /// The same in one word.
    #[inline(always)]
    pub fn wait_word(&self) -> u64 {
        // Ordering: Relaxed; advice.
        self.wait.load(Ordering::Relaxed)
    }

    /// Since when it waits.
    pub fn since(&self) -> u64 {
        // Ordering: Relaxed; advice.
        self.since.load(Ordering::Relaxed) & !READY
    }

    /// Notes that the task became runnable at `now`, by whoever has the right to run it.
    #[inline]
    pub(crate) fn stamp_ready(&self, now: u64) {
        // Not back, if the clock stands: no wait shall look like an earlier one.
        let now = now.max(self.since());
        // Ordering: Relaxed; the right to run passes through the queues, which order it.
        self.since.store(now | READY, Ordering::Relaxed);
    }

    /// When the task became runnable, if that was stamped; once. By whoever runs it.
    #[inline]
    pub(crate) fn take_ready_stamp(&self) -> Option<u64> {
        // Ordering: Relaxed, as `stamp_ready`.
        let since = self.since.load(Ordering::Relaxed);
        if since & READY == 0 {
            return None;
        }
        self.since.store(since & !READY, Ordering::Relaxed);
        Some(since & !READY)
    }

    /// Says what the task waits for from `now` on, by whoever runs it. What it says first in a run has a later time than anything
    /// before, which tells its waits apart.
    #[inline(always)]
    pub(crate) fn set_wait_word(&self, word: u64, now: u64) {
        let is_first = self.wait_word() == WaitReason::Unknown.pack(0);
        let since = now.max(self.since() + u64::from(is_first));
        // Ordering: Relaxed; advice for observers.
        self.wait.store(word, Ordering::Relaxed);
        self.since.store(since, Ordering::Relaxed);
    }

    /// What the task has said holds since `now`, on a thread whose leaves had no clock. By whoever runs it.
    #[inline]
    pub(crate) fn wait_began(&self, now: impl FnOnce() -> u64) {
        // Of these nobody asks since when, and the clock is not for nothing.
        if !matches!(self.wait().0, WaitReason::Unknown | WaitReason::Yield) {
            // Ordering: Relaxed; advice for observers. Later than before, so that it still tells one wait from another.
            self.since.store(now().max(self.since()), Ordering::Relaxed);
        }
    }

    /// The task is in a blocking section, in which it waits for what the future of a `block_on` waits for. By its thread.
    #[cold]
    pub(super) fn waits_as(&self, main: &Task) {
        let marks = wait::CAPTURED | wait::reason::WATCHED;
        let word = self.wait_word() & marks | main.wait_word() & !(marks | wait::EXACT);
        // Ordering: Relaxed; advice for observers.
        self.wait.store(word, Ordering::Relaxed);
        self.since.store(main.since().max(self.since()), Ordering::Relaxed);
    }

    /// What the task says about its wait is not exact any more. By who is about to wake it, while it may be running.
    #[inline]
    pub(crate) fn clear_exact(&self) {
        // Ordering: Relaxed; an RMW, because the task writes the word, too. Who sees what the waker goes on to say of the resource's
        // owner sees this.
        self.wait.fetch_and(!wait::EXACT, Ordering::Relaxed);
    }

    /// Forgets what the task waited for: it runs again, or takes it back.
    #[inline(always)]
    pub(crate) fn clear_wait(&self, how: WaitEnd) {
        let word = self.finished_wait();
        // Ordering: Relaxed; advice for observers.
        self.wait.store(WaitReason::Unknown.pack(0), Ordering::Relaxed);
        contention::over(self, word, how);
    }

    /// The task is complete, so that it does not wait for what it said last; unless it was captured, and said that in a run
    /// before: that wait is over.
    #[inline(always)]
    pub(super) fn end_wait(&self) {
        let word = self.finished_wait();
        contention::over(self, word, if word & wait::CAPTURED != 0 { WaitEnd::Over } else { WaitEnd::None });
    }

    /// The wait word, by whoever has the right to run. The checkers do not see this load: nothing hangs on it.
    #[inline(always)]
    fn finished_wait(&self) -> u64 {
        // Ordering: Relaxed; the right to run passes through the queues, which order it.
        if policy::CHECKED { 0 } else { self.wait.load(Ordering::Relaxed) }
    }

    /// A capture begins: what the task says goes to the witness, and its wait word stays as it is. By who has the right to run.
    pub(super) fn begin_capture(&self) {
        // Ordering: Relaxed; an RMW, because `clear_exact` may come from a waker meanwhile.
        self.wait.fetch_or(wait::CAPTURED, Ordering::Relaxed);
    }

    /// And ends, before the right to run is given up.
    pub(super) fn end_capture(&self) {
        // Ordering: Relaxed, as above.
        self.wait.fetch_and(!wait::CAPTURED, Ordering::Relaxed);
    }

    /// Whether the task, which this thread runs, is being captured.
    #[inline(always)]
    pub(crate) fn is_captured(&self) -> bool {
        self.wait_word() & wait::CAPTURED != 0
    }

    /// The task, which is being captured, says what it waits for. If that is another wait than the one that it was found in, it has
    /// gone on to it under the observer's eyes, and nothing exact is known of it.
    #[cold]
    pub(crate) fn captured_says(&self, reason: WaitReason, resource: u64) {
        if self.wait() != WaitReason::unpack(reason.pack(resource)) {
            self.clear_exact();
        }
        capture::said(reason, resource);
    }

    /// Whether the task is pinned to its machine.
    #[inline(always)]
    pub fn is_locked(&self) -> bool {
        self.state.peek().is_locked()
    }

    /// Marks the task as pinned. By the machine that runs it.
    pub fn set_locked(&self) {
        self.state.set_locked(true);
    }

    /// Takes the mark back.
    pub fn clear_locked(&self) {
        self.state.set_locked(false);
    }

    /// Gives the task a name, by whoever made it, before anybody else may run it.
    #[cold]
    pub(crate) fn set_name(&self, name: &str) {
        names::enter(self.id_of_live(), name);
        self.state.set_named();
    }

    /// Notes that the task has labels, by its spawner or by whoever runs it.
    pub(super) fn set_labelled(&self) {
        if !self.state.peek().is_labelled() {
            self.state.set_labelled();
        }
    }

    /// Takes the right to run if the task is idle: for shutdown, and for observers that poll.
    ///
    /// A stale reference may claim the record's next task; compare [`id`](Self::id) afterwards where that matters.
    pub fn try_claim(&self) -> Option<Runnable> {
        // SAFETY: the claim took the right to run.
        self.state.claim().then(|| unsafe { Runnable::from_raw(NonNull::from(self)) })
    }

    /// A handle to abort the task with, if the record still holds the task `id`.
    pub fn abort_handle(&self, id: Id) -> Option<AbortHandle> {
        if !self.state.try_add_ref() {
            return None;
        }
        // A record that is being filled may have its references before its id: then there is no id to compare yet.
        let handle = AbortHandle::from_ref(NonNull::from(self));
        (self.id() == Some(id) || broken("registry-abort-any-life")).then_some(handle)
    }

    /// Asks for the future to be dropped in place of its next poll.
    ///
    /// # Safety
    /// The caller has a reference.
    pub(super) unsafe fn abort(this: NonNull<Self>) {
        // SAFETY: the caller's promise.
        match unsafe { this.as_ref() }.state.abort() {
            // SAFETY: the abort took the right to run.
            Abort::Submit => unsafe { Runnable::from_raw(this).submit() },
            Abort::Marked | Abort::Late => {}
        }
    }

    /// Ends the task's life, for readers and for itself; its body, if that is still there.
    ///
    /// # Safety
    /// As [`release`](Self::release), which gives back what is returned, and the record.
    #[inline(always)]
    pub(super) unsafe fn end_life(&self) -> Option<NonNull<u8>> {
        // SAFETY: the caller's promise.
        let body = unsafe { self.take_body() };
        if !broken("registry-no-seq") {
            // Ordering: Relaxed; `begin_life`'s fence orders it before the next life's stores.
            self.id.store(0, Ordering::Relaxed);
        }
        self.state.retire();
        body
    }

    /// Its body, for who frees it.
    ///
    /// # Safety
    /// Nothing in the body is alive and nobody else will look at it.
    #[inline(always)]
    pub(super) unsafe fn take_body(&self) -> Option<NonNull<u8>> {
        // SAFETY: the caller's promise.
        self.body.with_mut(|body| unsafe { (*body).take() })
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.read() {
            Some(row) => f
                .debug_struct("Task")
                .field("id", &row.id.as_u64())
                .field("bits", &row.bits)
                .field("site", &format_args!("{}", row.site))
                .field("wait", &row.wait)
                .finish_non_exhaustive(),
            None => f.write_str("Task(free)"),
        }
    }
}
