//! [`SemaphorePermit`] and [`OwnedSemaphorePermit`]: permits that give themselves back.
//!
//! A permit value stands for any number of permits of one semaphore, can be split and merged, and forgotten for good. It knows that
//! number, and where its taker is written down for observers: the semaphore keeps the account.

use super::Semaphore;
use gumption_core::resource::Place;
use std::sync::Arc;

macro_rules! permits {
    ($(#[$meta:meta])* $name:ident $(<$life:lifetime>)?, $semaphore:ty, $same:path, [$($share:tt)*], $borrowed:ty) => {
        $(#[$meta])*
        #[must_use = "dropping a permit gives it back"]
        #[clippy::has_significant_drop]
        #[derive(Debug)]
        pub struct $name $(<$life>)? {
            semaphore: $semaphore,
            permits: usize,
            place: Place,
        }

        impl $(<$life>)? $name $(<$life>)? {
            #[inline(always)]
            pub(super) fn new(semaphore: $semaphore, permits: u32, place: Place) -> Self {
                Self { semaphore, permits: permits as usize, place }
            }

            /// Drops it without giving it back: the semaphore has so many fewer from here on.
            pub fn forget(mut self) {
                self.semaphore.base.note_forgotten(self.permits);
                self.written_down(0);
                self.permits = 0;
            }

            /// Makes one of two.
            ///
            /// # Panics
            /// If they are not of the same semaphore.
            #[track_caller]
            pub fn merge(&mut self, mut other: Self) {
                assert!(
                    $same(&self.semaphore, &other.semaphore),
                    "merging permits from different semaphore instances"
                );
                self.permits = self.permits.checked_add(other.permits).expect("number of permits overflowed");
                other.permits = 0;
                other.written_down(0);
                self.written_down(self.permits);
            }

            /// Has it written down with so many permits. With none its place is somebody else's.
            fn written_down(&mut self, permits: usize) {
                if self.place.is_some() {
                    self.semaphore.base.change(self.place, permits);
                    if permits == 0 {
                        self.place = Place::default();
                    }
                }
            }

            /// Takes `n` of its permits out into a value of their own, if it has so many.
            pub fn split(&mut self, n: usize) -> Option<Self> {
                self.permits = self.permits.checked_sub(n)?;
                let mut place = Place::default();
                if self.place.is_some() {
                    place = self.semaphore.base.enter_part(self.place, n);
                    self.written_down(self.permits);
                }
                Some(Self { semaphore: self.semaphore $($share)*, permits: n, place })
            }

            /// The semaphore that it is of.
            pub fn semaphore(&self) -> $borrowed {
                &self.semaphore
            }

            /// How many permits it stands for.
            pub fn num_permits(&self) -> usize {
                self.permits
            }
        }

        impl $(<$life>)? Drop for $name $(<$life>)? {
            #[inline]
            fn drop(&mut self) {
                if self.permits != 0 {
                    self.semaphore.base.release_from(self.place, self.permits);
                }
            }
        }
    };
}

/// Whether two references are of one semaphore.
fn is_same(one: &&Semaphore, other: &&Semaphore) -> bool {
    std::ptr::eq(*one, *other)
}

permits! {
    /// Permits of a [`Semaphore`]; dropped, they go back.
    ///
    /// Made by [`Semaphore::acquire`] and its kin.
    ///
    /// ```
    /// use gumption::sync::Semaphore;
    ///
    /// let semaphore = Semaphore::new(5);
    /// let mut permit = semaphore.try_acquire_many(4)?;
    /// let two = permit.split(2).expect("there are four");
    /// assert_eq!((permit.num_permits(), two.num_permits(), semaphore.available_permits()), (2, 2, 1));
    /// permit.merge(two);
    /// permit.forget();
    /// assert_eq!(semaphore.available_permits(), 1);
    /// # Ok::<(), gumption::sync::TryAcquireError>(())
    /// ```
    SemaphorePermit<'a>, &'a Semaphore, is_same, [], &Semaphore
}

permits! {
    /// Permits of a [`Semaphore`] that keep it alive; dropped, they go back.
    ///
    /// Made by [`Semaphore::acquire_owned`] and its kin.
    OwnedSemaphorePermit, Arc<Semaphore>, Arc::ptr_eq, [.clone()], &Arc<Semaphore>
}
