use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// A bounded queue between the driver and one receiver handle. When it is full the oldest item gives way: what is
/// newest counts most for everything that travels this way.
#[derive(Debug)]
pub(crate) struct Inbox<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    queue: Mutex<Queue<T>>,
    items_max: usize,
    changed: Notify,
}

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<T>,
    closed: bool,
}

impl<T> Inbox<T> {
    pub(crate) fn new(items_max: usize) -> Self {
        let queue = Mutex::new(Queue { items: VecDeque::new(), closed: false });
        Self(Arc::new(Shared { queue, items_max, changed: Notify::new() }))
    }

    /// Adds an item; gives back the one that had to go: the oldest, or this one when nobody takes any more.
    pub(crate) fn push(&self, item: T) -> Option<T> {
        let mut queue = self.lock();
        if queue.closed {
            return Some(item);
        }
        let oldest = if queue.items.len() >= self.0.items_max { queue.items.pop_front() } else { None };
        queue.items.push_back(item);
        drop(queue);
        self.0.changed.notify_one();
        oldest
    }

    /// Nothing is added any more; what is queued may still be taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.0.changed.notify_one();
    }

    /// How many items wait.
    pub(crate) fn len(&self) -> usize {
        self.lock().items.len()
    }

    /// The next item without waiting.
    pub(crate) fn try_next(&self) -> Option<T> {
        self.lock().items.pop_front()
    }

    /// The next item, `None` once closed and empty. For one taker at a time; cancel safe.
    pub(crate) async fn next(&self) -> Option<T> {
        loop {
            {
                let mut queue = self.lock();
                if let Some(item) = queue.items.pop_front() {
                    return Some(item);
                }
                if queue.closed {
                    return None;
                }
            }
            self.0.changed.notified().await;
        }
    }

    // A poisoned lock means a panic between two whole updates elsewhere; the queue is as valid as before.
    fn lock(&self) -> MutexGuard<'_, Queue<T>> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Inbox<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_oldest_gives_way_and_closing_ends() {
        let inbox = Inbox::new(2);
        assert_eq!(inbox.push(1), None);
        assert_eq!(inbox.push(2), None);
        assert_eq!(inbox.push(3), Some(1));
        inbox.close();
        assert_eq!(inbox.push(4), Some(4));
        assert_eq!((inbox.next().await, inbox.next().await, inbox.next().await), (Some(2), Some(3), None));
    }
}
