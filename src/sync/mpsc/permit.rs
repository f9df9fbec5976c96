//! [`Permit`], [`PermitIterator`], [`OwnedPermit`]: room that has been reserved.
//!
//! Reserving is a step of the [`Sender`], and stands here with what comes of it. A permit is one of the channel's count and a way to the channel. Using it is a push that cannot fail; dropping it gives the
//! room to whoever waits for it, and tells a receiver that has closed the channel and waits for the last permit.
//!
//! Invariant: each permit leaves the count once, by its send or by its drop.

use super::bounded::Sender;
use super::chan::Chan;
use super::error::{SendError, TrySendError};
use super::room::{Acquire, Reserve};
use super::tx::Tx;
use std::fmt;
use std::iter::FusedIterator;
use std::mem::forget;

/// Uses one of the permits that are out.
fn send<T>(chan: &Chan<T>, value: T) {
    let mut core = chan.lock();
    core.permits -= 1;
    if core.gone {
        drop(core);
        // Nobody will take it out.
        drop(value);
        return;
    }
    let receiver = chan.push(&mut core, value);
    drop(core);
    if let Some(receiver) = receiver {
        receiver.wake();
    }
}

impl<T> Sender<T> {
    /// Reserves room for one value; waits if there is none.
    ///
    /// The value is not needed before there is room for it, so that nothing has to be made in vain or can be lost.
    ///
    /// # Errors
    /// As [`send`](Self::send), without a value.
    ///
    /// # Cancel safety
    /// Dropped before it is ready it loses its place in line, and nothing else.
    pub async fn reserve(&self) -> Result<Permit<'_, T>, SendError<()>> {
        self.acquire(1).await?;
        Ok(Permit { chan: self.chan() })
    }

    /// Reserves room for `n` values; waits as long as there is less.
    ///
    /// # Errors
    /// As [`send`](Self::send), without a value; and if `n` is more than the [capacity](Self::max_capacity).
    ///
    /// # Cancel safety
    /// As [`reserve`](Self::reserve).
    ///
    /// ```
    /// use gumption::sync::mpsc;
    ///
    /// # gumption::runtime::Runtime::new()?.block_on(async {
    /// let (tx, mut rx) = mpsc::channel(4);
    /// for (permit, i) in tx.reserve_many(3).await.expect("the receiver is there").zip(0..) {
    ///     permit.send(i);
    /// }
    /// let mut received = Vec::new();
    /// assert_eq!(rx.recv_many(&mut received, 10).await, 3);
    /// assert_eq!(received, [0, 1, 2]);
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub async fn reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, SendError<()>> {
        self.acquire(n).await?;
        Ok(PermitIterator { chan: self.chan(), left: n })
    }

    /// [`reserve`](Self::reserve) that takes the sender with it.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve); the sender is dropped.
    ///
    /// # Cancel safety
    /// Dropped before it is ready it loses its place in line, and drops the sender.
    pub async fn reserve_owned(self) -> Result<OwnedPermit<T>, SendError<()>> {
        self.acquire(1).await?;
        Ok(OwnedPermit { tx: Some(self.tx) })
    }

    async fn acquire(&self, count: usize) -> Result<(), SendError<()>> {
        if count > self.max_capacity() {
            return Err(SendError(()));
        }
        Reserve(Acquire::new(self.chan(), count)).await
    }

    fn try_acquire(&self, count: usize) -> Result<(), TrySendError<()>> {
        let chan = self.chan();
        if count > chan.capacity {
            return Err(TrySendError::Full(()));
        }
        let mut core = chan.lock();
        if core.closed {
            return Err(TrySendError::Closed(()));
        }
        if chan.room_for_newcomers(&mut core, count) < count {
            return Err(TrySendError::Full(()));
        }
        core.permits += count;
        Ok(())
    }

    /// Reserves room for one value if there is some now, and nobody waits for it.
    ///
    /// # Errors
    /// [`Full`](TrySendError::Full) or [`Closed`](TrySendError::Closed).
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.try_acquire(1)?;
        Ok(Permit { chan: self.chan() })
    }

    /// Reserves room for `n` values if there is that much now, and nobody waits for it.
    ///
    /// # Errors
    /// [`Full`](TrySendError::Full), also if `n` is more than the [capacity](Self::max_capacity), or
    /// [`Closed`](TrySendError::Closed).
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        self.try_acquire(n)?;
        Ok(PermitIterator { chan: self.chan(), left: n })
    }

    /// [`try_reserve`](Self::try_reserve) that takes the sender with it.
    ///
    /// # Errors
    /// [`Full`](TrySendError::Full) or [`Closed`](TrySendError::Closed); the sender comes back.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Self>> {
        match self.try_acquire(1) {
            Ok(()) => Ok(OwnedPermit { tx: Some(self.tx) }),
            Err(TrySendError::Full(())) => Err(TrySendError::Full(self)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(self)),
        }
    }
}

/// Room for one value, of a borrowed [`Sender`].
///
/// Made by [`Sender::reserve`] and [`Sender::try_reserve`]. Dropped without a value it gives the room back.
#[must_use]
pub struct Permit<'a, T> {
    pub(super) chan: &'a Chan<T>,
}

impl<T> Permit<'_, T> {
    /// Sends a value into the room that was reserved.
    ///
    /// This neither waits nor fails; a value that is sent after the receiver has gone is dropped.
    ///
    /// ```
    /// use gumption::sync::mpsc;
    ///
    /// # gumption::runtime::Runtime::new()?.block_on(async {
    /// let (tx, mut rx) = mpsc::channel(1);
    /// let permit = tx.reserve().await.expect("the receiver is there");
    /// assert!(tx.try_send(1).is_err(), "the permit has the room");
    /// permit.send(2);
    /// assert_eq!(rx.recv().await, Some(2));
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn send(self, value: T) {
        let chan = self.chan;
        forget(self);
        send(chan, value);
    }
}

impl<T> Drop for Permit<'_, T> {
    fn drop(&mut self) {
        self.chan.give_back(|_| 1);
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("resource", &self.chan.resource).finish()
    }
}

/// Room for several values, as an iterator of [`Permit`]s.
///
/// Made by [`Sender::reserve_many`] and [`Sender::try_reserve_many`]. What has not been taken out of it is given back when
/// it is dropped.
#[must_use]
pub struct PermitIterator<'a, T> {
    pub(super) chan: &'a Chan<T>,
    pub(super) left: usize,
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(Permit { chan: self.chan })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> Drop for PermitIterator<'_, T> {
    fn drop(&mut self) {
        if self.left > 0 {
            self.chan.give_back(|_| self.left);
        }
    }
}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitIterator").field("capacity", &self.left).field("resource", &self.chan.resource).finish()
    }
}

/// Room for one value, with the [`Sender`] that reserved it.
///
/// Made by [`Sender::reserve_owned`] and [`Sender::try_reserve_owned`]: it borrows nothing, so it can be kept beside its channel, or
/// be sent elsewhere. It counts as a sender. Dropped without a value it gives the room back.
#[must_use]
pub struct OwnedPermit<T> {
    /// Taken out only by what consumes the permit.
    pub(super) tx: Option<Tx<T>>,
}

impl<T> OwnedPermit<T> {
    /// Sends a value into the room that was reserved, and returns the sender.
    ///
    /// ```
    /// use gumption::sync::mpsc;
    ///
    /// # gumption::runtime::Runtime::new()?.block_on(async {
    /// let (tx, mut rx) = mpsc::channel(1);
    /// let permit = tx.reserve_owned().await.expect("the receiver is there");
    /// let tx = permit.send("first");
    /// assert_eq!(rx.recv().await, Some("first"));
    /// tx.send("second").await.expect("the receiver is there");
    /// # });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn send(mut self, value: T) -> Sender<T> {
        let tx = self.take();
        send(tx.chan(), value);
        Sender { tx }
    }

    /// Gives the room back, and returns the sender.
    ///
    /// ```
    /// use gumption::sync::mpsc;
    ///
    /// let (tx, _rx) = mpsc::channel::<u8>(1);
    /// let permit = tx.try_reserve_owned().expect("it is empty");
    /// let tx = permit.release();
    /// assert_eq!(tx.capacity(), 1);
    /// ```
    pub fn release(mut self) -> Sender<T> {
        let tx = self.take();
        tx.chan().give_back(|_| 1);
        Sender { tx }
    }

    /// Whether both are permits of the same channel.
    pub fn same_channel(&self, other: &Self) -> bool {
        self.tx.as_ref().zip(other.tx.as_ref()).is_some_and(|(one, other)| one.same_channel(other))
    }

    /// Whether this is a permit of the sender's channel.
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.tx.as_ref().is_some_and(|tx| tx.same_channel(&sender.tx))
    }

    fn take(&mut self) -> Tx<T> {
        match self.tx.take() {
            Some(tx) => tx,
            None => unreachable!("a permit's sender is taken once, by what consumes the permit"),
        }
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(tx) = self.tx.take() {
            tx.chan().give_back(|_| 1);
        }
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("tx", &self.tx).finish()
    }
}
