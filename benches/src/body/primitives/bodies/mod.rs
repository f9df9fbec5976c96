//! The bodies over whatever primitives `sync` beside this module has.

use super::sync;

pub(super) mod channels;
pub(super) mod locks;
