//! The builder's hooks, and the names of threads and of the runtime. What hooks cost and may do is in
//! [`runtime/hooks.rs`](crate::runtime).
//!
//! Each setter replaces what was set before: a runtime has one hook of a kind, and whoever needs two calls both from one.

use super::Builder;
use crate::config::Names;
use crate::runtime::{MakeDriver, TaskMeta};
use std::sync::Arc;

impl<D: MakeDriver> Builder<D> {
    /// The runtime's name, for [`Handle::name`](crate::runtime::Handle::name) and reports. Default: none.
    ///
    /// # Panics
    ///
    /// If it is empty.
    #[track_caller]
    pub fn name(&mut self, name: impl Into<String>) -> &mut Self {
        let name = name.into();
        assert!(!name.trim().is_empty(), "runtime name shouldn't be empty");
        self.config.name = Some(name);
        self
    }

    /// The name of every thread of the runtime, as in tokio. Default: `gumption-m` and a number, or
    /// `gumption-m-blocking` and a number.
    pub fn thread_name(&mut self, name: impl Into<String>) -> &mut Self {
        self.config.names = Names::Fixed(name.into());
        self
    }

    /// Names the runtime's threads: called for each, by whoever starts it.
    ///
    /// ```
    /// # use gumption_core::runtime::{Builder, Runtime};
    /// use std::sync::atomic::{AtomicUsize, Ordering};
    ///
    /// let started = AtomicUsize::new(0);
    /// let name = move || format!("worker-{}", started.fetch_add(1, Ordering::Relaxed));
    /// let runtime: Runtime = Builder::new_multi_thread().thread_name_fn(name).build()?;
    /// let name = runtime.spawn(async { std::thread::current().name().map(str::to_owned) });
    /// assert!(runtime.block_on(name).unwrap().unwrap().starts_with("worker-"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn thread_name_fn<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() -> String + Send + Sync + 'static,
    {
        self.config.names = Names::Made(Arc::new(f));
        self
    }

    /// Called by each thread of the runtime before it does anything else: machines, and threads of the blocking pool.
    ///
    /// Machines are otherwise started when there is work for them. With this hook a multi-thread runtime starts one for each
    /// processor when it is built, as tokio does, because who counts threads expects them. Sysmon runs no code of yours and
    /// does not call it, nor does a thread of yours inside `block_on`.
    ///
    /// A hook that panics ends the process.
    pub fn on_thread_start<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.config.hooks.thread_start = Some(Arc::new(f));
        self
    }

    /// Called by each of those threads as the last thing that it does. Dropping the runtime waits for that, and so does
    /// [`shutdown_timeout`](crate::runtime::Runtime::shutdown_timeout) if there is time.
    ///
    /// A hook that panics ends the process.
    pub fn on_thread_stop<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.config.hooks.thread_stop = Some(Arc::new(f));
        self
    }

    /// Called by a machine that is about to sleep, inside the runtime's context; also by a current-thread runtime's
    /// `block_on`.
    ///
    /// It may spawn and wake: the machine then sees that, and does not sleep. It is called with no processor, when the
    /// machine counts as sleeping already: what it does for long delays whoever wakes this machine, and nobody else. After it the
    /// machine looks for events and due timers once more, even if the hook has left it something to do, so that a hook which
    /// always does so holds up neither.
    ///
    /// A hook that panics ends the process, or comes out of the `block_on` of a current-thread runtime.
    ///
    /// ```
    /// # use gumption_core::runtime::{Builder, Runtime};
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// let idle = Arc::new(AtomicBool::new(false));
    /// let seen = idle.clone();
    /// let park = move || seen.store(true, Ordering::Relaxed);
    /// let runtime: Runtime = Builder::new_current_thread().enable_time().on_thread_park(park).build()?;
    /// runtime.block_on(async { gumption_core::time::sleep(std::time::Duration::from_millis(1)).await });
    /// assert!(idle.load(Ordering::Relaxed));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_thread_park<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.config.hooks.thread_park = Some(Arc::new(f));
        self
    }

    /// Called by a machine that has slept, for whatever reason it got up, before it does anything else.
    ///
    /// A hook that panics ends the process, or comes out of the `block_on` of a current-thread runtime.
    pub fn on_thread_unpark<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn() + Send + Sync + 'static,
    {
        self.config.hooks.thread_unpark = Some(Arc::new(f));
        self
    }

    /// Called for each task that is spawned, by whoever spawns it, before anybody can run it. Closures of `spawn_blocking`
    /// and the future of `block_on` are no tasks.
    ///
    /// A panic of the hook comes out of `spawn`; the task is cancelled.
    ///
    /// ```
    /// # use gumption_core::runtime::{Builder, Runtime};
    /// let runtime: Runtime = Builder::new_current_thread()
    ///     .on_task_spawn(|task| println!("task {} spawned at {}", task.id(), task.spawned_at()))
    ///     .build()?;
    /// runtime.block_on(async { gumption_core::spawn(async {}).await.unwrap() });
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_task_spawn<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.config.hooks.task_spawn = Some(Arc::new(f));
        self
    }

    /// Called before each poll of a task, by who polls it; also before a task is dropped because it was aborted.
    ///
    /// A hook that panics ends the process, or comes out of the `block_on` of a current-thread runtime.
    pub fn on_before_task_poll<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.config.hooks.before_poll = Some(Arc::new(f));
        self
    }

    /// Called after each poll of a task, by who polled it, as often as
    /// [`on_before_task_poll`](Self::on_before_task_poll). The task may be over by then.
    ///
    /// A hook that panics ends the process, or comes out of the `block_on` of a current-thread runtime.
    pub fn on_after_task_poll<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.config.hooks.after_poll = Some(Arc::new(f));
        self
    }

    /// Called when a poll of a task has returned `Pending`, by who polled it, before anybody else can run the task:
    /// [`TaskMeta::wait_reason`] and [`TaskMeta::wait_resource`] say what it waits for. It runs as the task, whose id
    /// [`task::id`](crate::task::id) is. A task that has yielded, or was woken during the poll, is told of, too; then
    /// [`on_task_wake`](Self::on_task_wake) follows at once.
    ///
    /// A hook that panics ends the process, or comes out of the `block_on` of a current-thread runtime.
    ///
    /// ```
    /// # use gumption_core::runtime::{Builder, Runtime};
    /// # use gumption_core::wait::WaitReason;
    /// # use std::sync::{Arc, Mutex};
    /// let reasons = Arc::new(Mutex::new(Vec::new()));
    /// let seen = reasons.clone();
    /// let runtime: Runtime = Builder::new_current_thread()
    ///     .on_task_block(move |task| seen.lock().unwrap().extend(task.wait_reason()))
    ///     .build()?;
    /// runtime.block_on(runtime.spawn(gumption_core::yield_now())).unwrap();
    /// assert_eq!(*reasons.lock().unwrap(), [WaitReason::Yield]);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn on_task_block<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.config.hooks.task_block = Some(Arc::new(f));
        self
    }

    /// Called when a wake makes a task runnable that was not, by the thread that wakes it, before the task can run:
    /// [`TaskMeta::woken_by`] is the task that does so. Also for a task that was woken while it was polled, after that poll, by
    /// who polled it; wakes of a task that is runnable already are not told of. An abort is a wake, too.
    ///
    /// It is user code in the middle of somebody's `wake`, which may be anybody's, under any lock, in the driver and among
    /// due timers: it should note what it wants to note, and wait for nothing. What it wakes or spawns goes to the
    /// global queue. A hook that panics ends the process.
    pub fn on_task_wake<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.config.hooks.task_wake = Some(Arc::new(f));
        self
    }

    /// Called for each task that is over, however it ended: returned, panicked, aborted, or dropped with the runtime. Its
    /// future is gone, and its joiner has been told. As in tokio it is called for closures of `spawn_blocking`, too, although
    /// [`on_task_spawn`](Self::on_task_spawn) is not.
    ///
    /// A hook that panics ends the process, or comes out of the `block_on` of a current-thread runtime.
    pub fn on_task_terminate<F>(&mut self, f: F) -> &mut Self
    where
        F: Fn(&TaskMeta<'_>) + Send + Sync + 'static,
    {
        self.config.hooks.task_terminate = Some(Arc::new(f));
        self
    }
}
