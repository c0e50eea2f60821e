use super::Workers;
use super::roaming::this_thread_is;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Notify, oneshot};

/// The threads of the workers, none when one thread does everything. Dropped, it stops them and waits for their end: tasks
/// that are still running there are dropped.
#[derive(Debug)]
pub(crate) struct Threads {
    running: Vec<Thread>,
    lost: Arc<Notify>,
}

#[derive(Debug)]
struct Thread {
    /// Dropped, it has the thread end.
    stop: Option<oneshot::Sender<()>>,
    handle: Option<JoinHandle<()>>,
}

impl Threads {
    /// Starts `count` threads, or none when one is to do everything.
    ///
    /// # Errors
    /// The system's: no more threads. None is left behind.
    pub(crate) fn start(count: usize) -> io::Result<(Self, Workers)> {
        let mut threads = Self { running: Vec::new(), lost: Arc::default() };
        if count <= 1 {
            return Ok((threads, Workers::here()));
        }
        let first = threads.start_one(0)?;
        let others = (1..count).map(|index| threads.start_one(index)).collect::<io::Result<_>>()?;
        Ok((threads, Workers::elsewhere(first, others)))
    }

    /// Returns when a thread has ended by itself, which none should.
    pub(crate) async fn lost(&self) {
        self.lost.notified().await;
    }

    fn start_one(&mut self, index: usize) -> io::Result<Handle> {
        // Without I/O of its own, so that waking it costs a system call only when it sleeps; the socket is another thread's.
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let ending = Ending(Arc::clone(&self.lost));
        let body = move || run(index, &runtime, stopped, ending);
        let thread = std::thread::Builder::new().name(format!("isi-worker-{index}")).spawn(body)?;
        self.running.push(Thread { stop: Some(stop), handle: Some(thread) });
        Ok(handle)
    }
}

fn run(index: usize, runtime: &Runtime, stopped: oneshot::Receiver<()>, ending: Ending) {
    this_thread_is(index);
    // Never sent, only dropped.
    let _ = runtime.block_on(stopped);
    drop(ending);
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.running.iter_mut().for_each(|thread| drop(thread.stop.take()));
        for handle in self.running.iter_mut().filter_map(|thread| thread.handle.take()) {
            // Its panic was told when it happened.
            let _ = handle.join();
        }
    }
}

/// Tells that its thread ends, however it does.
struct Ending(Arc<Notify>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

impl Threads {
    /// Has one thread end, as if it had failed.
    #[cfg(test)]
    pub(crate) fn lose_one(&mut self) {
        self.running.iter_mut().take(1).for_each(|thread| drop(thread.stop.take()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tasks_run_on_the_thread_of_their_worker_and_a_panic_does_not_end_it() {
        let (threads, workers) = Threads::start(2).unwrap();
        for index in [0, 1, 1, 0] {
            let worker = workers.get(index);
            worker.spawn(async { panic!("of a task") });
            let (tell, told) = oneshot::channel();
            worker.spawn(async move {
                let _ = tell.send(std::thread::current().name().map(str::to_owned));
            });
            assert_eq!(told.await.unwrap().unwrap(), format!("isi-worker-{index}"));
        }
        drop(threads);
        let (tell, told) = oneshot::channel::<()>();
        workers.get(0).spawn(async move { tell.send(()).unwrap() });
        assert!(told.await.is_err(), "nothing runs on a worker that has stopped");
    }

    #[tokio::test]
    async fn a_thread_that_ends_is_missed() {
        let (mut threads, _workers) = Threads::start(3).unwrap();
        threads.lose_one();
        threads.lost().await;
    }

    #[tokio::test]
    async fn one_thread_is_this_one() {
        let (threads, workers) = Threads::start(1).unwrap();
        assert!(threads.running.is_empty());
        let here = std::thread::current().id();
        let (tell, told) = oneshot::channel();
        workers.get(0).spawn(async move { tell.send(std::thread::current().id()).unwrap() });
        assert_eq!(told.await.unwrap(), here);
    }
}
