//! Permits: at most so many at a time, the rest wait in line or are refused.
//!
//! The cure for two of the workloads, written out so that the lesson has no hidden part. A permit released while
//! somebody waits is handed over, not put back, so the line is served in order and no newcomer can jump it.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// A number of permits, shared by clones.
#[derive(Clone, Debug)]
pub struct Permits(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    free: u64,
    line: VecDeque<Arc<Mutex<Turn>>>,
}

#[derive(Debug)]
enum Turn {
    Waits(Waker),
    Granted,
    Gone,
}

/// A permit, until dropped.
#[derive(Debug)]
pub struct Permit(Permits);

impl Permits {
    /// So many permits.
    pub fn new(count: u64) -> Self {
        Self(Arc::new(Mutex::new(State { free: count, line: VecDeque::new() })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A permit if one is free now.
    pub fn try_acquire(&self) -> Option<Permit> {
        let mut state = self.state();
        state.free = state.free.checked_sub(1)?;
        Some(Permit(self.clone()))
    }

    /// Waits in line for a permit.
    pub fn acquire(&self) -> Acquire {
        Acquire { permits: self.clone(), turn: None }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.0.state();
        while let Some(turn) = state.line.pop_front() {
            let mut turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            if let Turn::Waits(waker) = std::mem::replace(&mut *turn, Turn::Granted) {
                drop(turn);
                drop(state);
                waker.wake();
                return;
            }
        }
        state.free += 1;
    }
}

/// Waiting in line. See [`Permits::acquire`].
#[derive(Debug)]
pub struct Acquire {
    permits: Permits,
    turn: Option<Arc<Mutex<Turn>>>,
}

impl Future for Acquire {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit> {
        if let Some(turn) = &self.turn {
            let mut turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            return match &mut *turn {
                Turn::Waits(waker) => {
                    waker.clone_from(cx.waker());
                    Poll::Pending
                }
                Turn::Granted | Turn::Gone => {
                    *turn = Turn::Gone;
                    Poll::Ready(Permit(self.permits.clone()))
                }
            };
        }
        let turn = {
            let mut state = self.permits.state();
            if let Some(left) = state.free.checked_sub(1) {
                state.free = left;
                drop(state);
                return Poll::Ready(Permit(self.permits.clone()));
            }
            let turn = Arc::new(Mutex::new(Turn::Waits(cx.waker().clone())));
            state.line.push_back(Arc::clone(&turn));
            turn
        };
        self.turn = Some(turn);
        Poll::Pending
    }
}

impl Drop for Acquire {
    fn drop(&mut self) {
        let Some(turn) = &self.turn else { return };
        let turn = std::mem::replace(&mut *turn.lock().unwrap_or_else(PoisonError::into_inner), Turn::Gone);
        if matches!(turn, Turn::Granted) {
            // Granted and never polled again: pass it on.
            drop(Permit(self.permits.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(acquire: &mut Pin<Box<Acquire>>) -> Option<Permit> {
        match acquire.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permit) => Some(permit),
            Poll::Pending => None,
        }
    }

    #[test]
    fn the_line_is_served_in_order_and_nobody_jumps_it() {
        let permits = Permits::new(1);
        let held = permits.try_acquire().unwrap();
        let (mut first, mut second) = (Box::pin(permits.acquire()), Box::pin(permits.acquire()));
        assert!(poll(&mut first).is_none() && poll(&mut second).is_none());
        drop(held);
        assert!(permits.try_acquire().is_none(), "it was handed over");
        assert!(poll(&mut second).is_none());
        let held = poll(&mut first).unwrap();
        drop(held);
        drop(poll(&mut second).unwrap());
        assert!(permits.try_acquire().is_some());
    }

    #[test]
    fn who_leaves_the_line_passes_the_permit_on() {
        let permits = Permits::new(1);
        let held = permits.try_acquire().unwrap();
        let (mut waits, mut granted) = (Box::pin(permits.acquire()), Box::pin(permits.acquire()));
        assert!(poll(&mut waits).is_none() && poll(&mut granted).is_none());
        drop(waits);
        drop(held);
        assert!(permits.try_acquire().is_none());
        drop(granted);
        assert!(permits.try_acquire().is_some());
    }
}
