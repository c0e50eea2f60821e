//! Slots with generations: a key of something that is gone finds nothing, even when its slot is in use again.

use std::fmt;
use std::marker::PhantomData;

/// Finds a `T` in its [`Arena`].
pub(crate) struct Key<T> {
    index: u32,
    generation: u32,
    _of: PhantomData<fn() -> T>,
}

/// Values under keys. Lookup, insertion and removal are O(1).
#[derive(Debug)]
pub(crate) struct Arena<T> {
    slots: Vec<Slot<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Arena<T> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn insert(&mut self, value: T) -> Key<T> {
        let Some(index) = self.free.pop() else {
            let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
            assert!(index < u32::MAX, "bounded by the limits, far below 2^32");
            self.slots.push(Slot { generation: 0, value: Some(value) });
            return Key::new(index, 0);
        };
        let slot = &mut self.slots[index as usize];
        slot.value = Some(value);
        Key::new(index, slot.generation)
    }

    pub(crate) fn remove(&mut self, key: Key<T>) -> Option<T> {
        let slot = self.slots.get_mut(key.index as usize).filter(|slot| slot.generation == key.generation)?;
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(key.index);
        Some(value)
    }

    pub(crate) fn get(&self, key: Key<T>) -> Option<&T> {
        let slot = self.slots.get(key.index as usize)?;
        slot.value.as_ref().filter(|_| slot.generation == key.generation)
    }

    pub(crate) fn get_mut(&mut self, key: Key<T>) -> Option<&mut T> {
        let slot = self.slots.get_mut(key.index as usize)?;
        slot.value.as_mut().filter(|_| slot.generation == key.generation)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key<T>, &T)> {
        (0u32..).zip(&self.slots).filter_map(|(index, slot)| {
            slot.value.as_ref().map(|value| (Key::new(index, slot.generation), value))
        })
    }
}

// Keys that the core keeps are valid by construction; a peer cannot make one.
impl<T> std::ops::Index<Key<T>> for Arena<T> {
    type Output = T;
    fn index(&self, key: Key<T>) -> &T {
        let Some(value) = self.get(key) else { unreachable!("key {key:?} outlived its value") };
        value
    }
}
impl<T> std::ops::IndexMut<Key<T>> for Arena<T> {
    fn index_mut(&mut self, key: Key<T>) -> &mut T {
        let Some(value) = self.get_mut(key) else { unreachable!("key {key:?} outlived its value") };
        value
    }
}

impl<T> Key<T> {
    const fn new(index: u32, generation: u32) -> Self {
        Self { index, generation, _of: PhantomData }
    }

    const fn as_u64(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }
}

// By hand, since a derive would ask the same of `T`.
impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Key<T> {}
impl<T> PartialEq for Key<T> {
    fn eq(&self, other: &Self) -> bool {
        self.as_u64() == other.as_u64()
    }
}
impl<T> Eq for Key<T> {}
impl<T> PartialOrd for Key<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Key<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_u64().cmp(&other.as_u64())
    }
}
impl<T> std::hash::Hash for Key<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_u64().hash(state);
    }
}
impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}v{}", self.index, self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_key_does_not_find_the_new_tenant() {
        let mut arena = Arena::new();
        let first = arena.insert('a');
        assert_eq!(arena.remove(first), Some('a'));
        let second = arena.insert('b');
        assert_eq!(second.index, first.index, "slots are reused");
        assert_eq!(arena.get(first), None);
        assert_eq!(arena.remove(first), None);
        assert_eq!(arena.get(second), Some(&'b'));
        assert_eq!(arena.len(), 1);
    }
}
