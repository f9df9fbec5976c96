//! [`Runtimes`]: which runtimes a server looks at.
//!
//! It is asked anew with each request, because runtimes come and go while a server runs.

use gumption_core::runtime::Handle;

/// Which runtimes. See the file.
#[derive(Clone, Debug)]
pub enum Runtimes {
    /// All that are alive in the process when a request comes.
    All,
    /// These, and no other.
    These(Vec<Handle>),
}

impl Runtimes {
    /// The ones that are there at this moment.
    pub fn now(&self) -> Vec<Handle> {
        match self {
            Runtimes::All => gumption_core::runtime::running(),
            Runtimes::These(handles) => handles.clone(),
        }
    }
}
