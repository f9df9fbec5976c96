//! What each reason is caused by.
