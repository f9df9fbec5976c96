//! [`Acquire`]: the future of a turn at a semaphore, and what it says when there is none.
//!
//! Its node lies in it, so it is pinned, and costs no allocation. It takes its place in the queue at its first poll. Dropped, it
//! gives everything back: its place, the permits that it had gathered, and the permits that it was served and never saw.
//!
//! The permits are taken before the step of the budget: a task that has used its budget up keeps its turn over the yield.
//!
//! Whether it has been served it sees from its own node, without the queue's lock: see `queue.rs`.

use super::error::{AcquireError, TryAcquireError};
use super::guard::Guard;
use super::queue::{LINKED, Ticket, Waiter};
use super::word::Word;
use super::{Request, Semaphore};
use gumption_core::coop;
use gumption_core::resource::{Kind, Place, coarse_now, current_task, is_from_block_on};
use gumption_core::sync::{Ordering, broken, weaken};
use gumption_core::wait::{WaitReason, blocked_otherwise, is_own};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker, ready};

impl Semaphore {
    /// Takes permits, in turn.
    ///
    /// # Panics
    /// If more are asked for than there can be.
    #[inline]
    #[track_caller]
    pub(crate) fn acquire(&self, permits: usize, guard: Guard, reason: WaitReason) -> Acquire<'_> {
        Acquire::new(self, Request::of(permits, guard, reason))
    }

    /// Takes all permits, as their owner, in turn.
    #[inline]
    pub(crate) fn acquire_owned(&self, all: usize, guard: Guard, reason: WaitReason) -> Acquire<'_> {
        Acquire::new(self, Request::owned(all, guard, reason))
    }
}

/// A turn at a semaphore. See the file.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Acquire<'a> {
    semaphore: &'a Semaphore,
    request: Request,
    /// It has a place in the queue, or permits, or had when the semaphore was closed: there is something to give back.
    engaged: bool,
    node: Waiter,
}

// SAFETY: a shared reference to it reaches nothing of the node: only `poll` and `drop` use it, which have it exclusively.
unsafe impl Sync for Acquire<'_> {}

impl<'a> Acquire<'a> {
    #[inline(always)]
    pub(super) fn new(semaphore: &'a Semaphore, request: Request) -> Self {
        Self { semaphore, request, engaged: false, node: Waiter::new(request.permits, request.owned, request.guard) }
    }
}

impl Future for Acquire<'_> {
    /// Where its taker is written down, if it is.
    type Output = Result<Place, AcquireError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the node is not moved.
        let this = unsafe { self.get_unchecked_mut() };
        let place = if this.engaged {
            ready!(this.poll_engaged(cx))?
        } else {
            match this.semaphore.try_take(this.request) {
                Ok(place) => place,
                Err(TryAcquireError::Closed) => return Poll::Ready(Err(AcquireError(()))),
                Err(TryAcquireError::NoPermits) => ready!(this.join(cx))?,
            }
        };
        match coop::poll_proceed(cx) {
            Poll::Ready(step) => {
                step.made_progress();
                this.engaged = false;
                Poll::Ready(Ok(place))
            }
            Poll::Pending => {
                // SAFETY: the node is the future's own.
                this.node.ticket.with_mut(|ticket| unsafe { (*ticket).place = place });
                // Ordering: Relaxed; the node is the future's own.
                this.node.missing.store(0, Ordering::Relaxed);
                this.engaged = true;
                Poll::Pending
            }
        }
    }
}

impl Acquire<'_> {
    /// Takes what there is and joins the queue for the rest, unless there is enough by now.
    #[cold]
    #[inline(never)]
    fn join(&mut self, cx: &mut Context<'_>) -> Poll<Result<Place, AcquireError>> {
        let Self { semaphore, request, .. } = *self;
        // Before the lock: what may be foreign code, and what costs the first one who waits.
        let waker = cx.waker().clone();
        let (task, own) = (current_task(), is_own(&waker));
        let now = coarse_now();
        // Said before it is true, so that who serves it comes after.
        semaphore.resource.waits_with(request.reason, own);
        if let (Kind::Semaphore | Kind::RwLock, Some(record)) = (semaphore.resource.kind(), semaphore.resource.record())
        {
            record.make_sharers();
        }
        let mut queue = semaphore.queue.lock();
        // Ordering: Relaxed; a guess for the exchange below.
        let mut word = Word(semaphore.word.load(Ordering::Relaxed));
        let gathered = loop {
            if word.is_closed() && !broken("semaphore-join-after-close") {
                drop(queue);
                semaphore.resource.waits_no_more(request.reason);
                return Poll::Ready(Err(AcquireError(())));
            }
            let enough = word.permits() >= request.permits;
            let next = match word.take(request.permits) {
                Some(_) if request.owned => word.owned_by(request.guard.owner(task)),
                Some(next) => next,
                None => word.joined(),
            };
            if next == word {
                break 0;
            }
            let acquire = weaken("semaphore-gather-relaxed", Ordering::Acquire);
            // Ordering: Acquire pairs with the Release of every `release` that is in what is taken or gathered.
            let exchanged = match broken("semaphore-join-load-store") {
                true => {
                    semaphore.word.store(next.0, Ordering::Relaxed);
                    Ok(word.0)
                }
                false => semaphore.word.compare_exchange(word.0, next.0, acquire, Ordering::Relaxed),
            };
            match exchanged {
                Ok(_) if enough => {
                    if let (true, Some(record)) = (request.owned, semaphore.resource.record()) {
                        record.set_owner(request.guard.owner(task));
                    }
                    drop(queue);
                    semaphore.resource.waits_no_more(request.reason);
                    let place =
                        if request.owned { Place::default() } else { semaphore.enter(request.permits, request.guard) };
                    return Poll::Ready(Ok(place));
                }
                Ok(_) => {
                    let gathered = word.permits();
                    word = next;
                    break gathered;
                }
                Err(now) => word = Word(now),
            }
        };
        self.node.ticket.with_mut(|ticket| {
            // SAFETY: it is not linked, so the future's own.
            let ticket = unsafe { &mut *ticket };
            ticket.waker = Some(waker);
            ticket.task = task;
            ticket.own = own;
            ticket.since = now;
        });
        self.engaged = true;
        // SAFETY: it is not linked, and pinned until `drop`, which unlinks it.
        unsafe { queue.push(NonNull::from(&mut self.node), request.permits - gathered) };
        if let Some(owner) = word.owner() {
            queue.note_owned(now);
            if let Some(record) = semaphore.resource.record() {
                if record.is_ownerless() {
                    // It took it when there was no record yet.
                    record.set_owner(owner);
                }
                record.asked_by(task);
            }
        }
        semaphore.note(&mut queue, word);
        drop(queue);
        Poll::Pending
    }

    /// It has joined the queue before: is it served?
    #[inline]
    fn poll_engaged(&mut self, cx: &mut Context<'_>) -> Poll<Result<Place, AcquireError>> {
        let acquire = weaken("semaphore-served-relaxed", Ordering::Acquire);
        // Ordering: Acquire pairs with the Release that unlinks the node.
        let missing = self.node.missing.load(acquire);
        // Ordering: Acquire pairs with the Release of `close`.
        if Word(self.semaphore.word.load(Ordering::Acquire)).is_closed() {
            self.semaphore.resource.waits_no_more(self.request.reason);
            return Poll::Ready(Err(AcquireError(())));
        }
        if missing & LINKED == 0 {
            // Nothing is lacking: who lacks something is unlinked by `close` only. The checkers see that the node is ours.
            // SAFETY: the node is ours.
            let place = self.node.ticket.with_mut(|ticket| unsafe { (*ticket).place });
            self.semaphore.resource.waits_no_more(self.request.reason);
            if self.request.owned {
                self.semaphore.note_taken();
            }
            return Poll::Ready(Ok(place));
        }
        self.poll_linked(cx)
    }

    #[cold]
    fn poll_linked(&mut self, cx: &mut Context<'_>) -> Poll<Result<Place, AcquireError>> {
        let mut waker: Option<Waker> = None;
        // Said before it is known to be true, as in `join`.
        self.semaphore.resource.waits_with(self.request.reason, true);
        let (old, own) = loop {
            let queue = self.semaphore.queue.lock();
            // Ordering: Acquire pairs with the Release that unlinks the node.
            if self.node.missing.load(Ordering::Acquire) & LINKED == 0 {
                drop(queue);
                // Served or closed meanwhile.
                return self.poll_engaged(cx);
            }
            let known = self.node.ticket.with_mut(|ticket| {
                // SAFETY: it is linked, and this thread has the lock.
                let ticket = unsafe { &mut *ticket };
                self.semaphore.is_asked_by(ticket);
                if let Some(record) = self.semaphore.resource.record() {
                    record.asked_by(ticket.task);
                }
                match ticket.waker.as_ref() {
                    Some(waker) if waker.will_wake(cx.waker()) => Some((None, ticket.own)),
                    _ => waker.take().map(|waker| {
                        ticket.own = is_own(&waker);
                        (ticket.waker.replace(waker), ticket.own)
                    }),
                }
            });
            drop(queue);
            match known {
                Some(known) => break known,
                // Cloned without the lock: it may be foreign code.
                None => waker = Some(cx.waker().clone()),
            }
        };
        if !own {
            blocked_otherwise();
        }
        drop(old);
        Poll::Pending
    }

    /// Gives everything back.
    #[cold]
    fn disengage(&mut self) {
        let Self { semaphore, request, .. } = *self;
        semaphore.resource.waits_no_more(request.reason);
        let acquire = weaken("semaphore-served-relaxed", Ordering::Acquire);
        // Ordering: Acquire pairs with the Release that unlinks the node.
        if self.node.missing.load(acquire) & LINKED != 0 {
            let mut queue = semaphore.queue.lock();
            // Ordering: as above.
            if self.node.missing.load(Ordering::Acquire) & LINKED != 0 {
                // SAFETY: it is linked, as the lock's holder knows for sure.
                let gathered = unsafe { queue.remove(NonNull::from(&mut self.node), request.permits) };
                self.node.ticket.with_mut(|ticket| {
                    // SAFETY: it is unlinked, so the future's own.
                    semaphore.is_asked_by(unsafe { &mut *ticket });
                });
                if !broken("semaphore-cancel-keeps-permits") {
                    semaphore.distribute(queue, gathered);
                }
                return;
            }
        }
        // SAFETY: the node is the future's own.
        let place = self.node.ticket.with_mut(|ticket| unsafe { (*ticket).place });
        // Ordering: Relaxed; the node is the future's own.
        let missing = self.node.missing.load(Ordering::Relaxed);
        if broken("semaphore-cancel-keeps-turn") {
            return;
        }
        if request.owned && missing == 0 {
            // It was handed over to whoever never came.
            semaphore.note_taken();
            semaphore.release_owned(request.permits as usize);
        } else {
            semaphore.release_from(place, (request.permits - missing) as usize);
        }
    }
}

impl Semaphore {
    /// The running task asks for what `ticket` is for; if that was another one until now, that one's wait for this is over
    /// without its knowing.
    fn is_asked_by(&self, ticket: &mut Ticket) {
        let task = current_task();
        let before = std::mem::replace(&mut ticket.task, task);
        if before != task
            && !is_from_block_on(before)
            && let Some(record) = self.resource.record()
        {
            record.set_loose();
        }
    }
}

impl Drop for Acquire<'_> {
    #[inline]
    fn drop(&mut self) {
        if self.engaged {
            self.disengage();
        }
    }
}
