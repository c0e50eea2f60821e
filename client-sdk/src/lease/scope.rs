use crate::payload::InputEvent;
use isi_e2ee::{InputCategory, LeaseScope, Release};

/// `NoSymbol`: no key has it, so a text that is typed at once can be judged as a press and release of it.
const NO_SYMBOL: u32 = 0;

/// What the event is to a lease; twice what a text is, since it leaves nothing pressed.
pub(crate) fn category(event: &InputEvent) -> (InputCategory, Option<InputCategory>) {
    match *event {
        InputEvent::PointerMove { x, y } => (InputCategory::PointerMove { x, y }, None),
        InputEvent::Button { button, pressed } => (InputCategory::Button { button, pressed }, None),
        InputEvent::Key { keysym, pressed } => (InputCategory::Key { keysym, pressed }, None),
        InputEvent::Scroll { .. } => (InputCategory::Scroll, None),
        InputEvent::Text(_) => (
            InputCategory::Key { keysym: NO_SYMBOL, pressed: true },
            Some(InputCategory::Key { keysym: NO_SYMBOL, pressed: false }),
        ),
    }
}

/// What a driver can tell by itself. Where the pointer may be, the driven side decides.
pub(crate) const fn scope_covers(scope: &LeaseScope, event: &InputEvent) -> bool {
    match event {
        InputEvent::Key { .. } | InputEvent::Text(_) => scope.keyboard,
        InputEvent::PointerMove { .. } | InputEvent::Button { .. } | InputEvent::Scroll { .. } => {
            scope.pointer
        }
    }
}

/// The event that lets go of it.
pub(crate) const fn released(release: Release) -> InputEvent {
    match release {
        Release::Key(keysym) => InputEvent::Key { keysym, pressed: false },
        Release::Button(button) => InputEvent::Button { button, pressed: false },
    }
}
