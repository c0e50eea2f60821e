//! Tests over the real relay and the whole tree.
