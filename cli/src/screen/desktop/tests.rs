//! The desktop reacts to hands, and to nothing else.

use isi_client::payload::InputEvent;

use super::{DesktopSource, layout, model::MAX_TYPED_BYTES};
use crate::screen::{Framebuffer, Rect, ScreenSource as _, keysym_of_char};

fn press_and_release(desktop: &mut DesktopSource, keysym: u32) {
    for pressed in [true, false] {
        inject(desktop, InputEvent::Key { keysym, pressed });
    }
}

fn type_text(desktop: &mut DesktopSource, text: &str) {
    text.chars().for_each(|character| press_and_release(desktop, keysym_of_char(character)));
}

fn inject(desktop: &mut DesktopSource, event: InputEvent) {
    desktop.inject(&event).expect("the desktop takes any event");
}

fn capture(desktop: &mut DesktopSource) -> Framebuffer {
    desktop.capture().expect("the desktop can always be drawn").clone()
}

fn differs_in(first: &Framebuffer, second: &Framebuffer, area: Rect) -> bool {
    (area.y..area.bottom()).any(|y| first.row(area.x, y, area.width) != second.row(area.x, y, area.width))
}

fn click(desktop: &mut DesktopSource, rect: Rect) {
    inject(desktop, InputEvent::PointerMove { x: rect.x + 10, y: rect.y + 10 });
    for pressed in [true, false] {
        inject(desktop, InputEvent::Button { button: 1, pressed });
    }
}

#[test]
fn typed_keys_are_kept_and_shown() {
    let mut desktop = DesktopSource::new();
    let before = capture(&mut desktop);
    type_text(&mut desktop, "Grüße, x€z");
    press_and_release(&mut desktop, 0xff08);
    let typed = capture(&mut desktop);
    assert_eq!(desktop.typed_text(), "Grüße, x€");
    assert!(differs_in(&before, &typed, layout::CHAT_FIELD));
    assert!(!differs_in(&before, &typed, layout::CHAT_LINES));
    type_text(&mut desktop, "\n");
    assert_eq!(desktop.typed_text(), "Grüße, x€\n");
    assert!(differs_in(&typed, &capture(&mut desktop), layout::CHAT_LINES));
    assert_eq!(desktop.events_applied(), 24);
}

#[test]
fn held_keys_show_and_commands_type_nothing() {
    let mut desktop = DesktopSource::new();
    let before = capture(&mut desktop);
    inject(&mut desktop, InputEvent::Key { keysym: 0xffe3, pressed: true });
    type_text(&mut desktop, "c");
    assert_eq!(desktop.typed_text(), "");
    assert!(desktop.held_keys().iter().eq(&[0xffe3]));
    let held = capture(&mut desktop);
    assert!(differs_in(&before, &held, layout::HELD_KEYS));
    inject(&mut desktop, InputEvent::Key { keysym: 0xffe3, pressed: false });
    assert!(desktop.held_keys().is_empty());
    assert!(!differs_in(&before, &capture(&mut desktop), layout::HELD_KEYS));
}

#[test]
fn buttons_take_clicks_where_they_are() {
    let mut desktop = DesktopSource::new();
    let before = capture(&mut desktop);
    click(&mut desktop, layout::BUTTONS[0]);
    click(&mut desktop, layout::CHAT_FIELD);
    assert_eq!(desktop.clicks(), 1);
    inject(&mut desktop, InputEvent::PointerMove { x: layout::BUTTONS[1].x, y: layout::BUTTONS[1].y });
    inject(&mut desktop, InputEvent::Button { button: 1, pressed: true });
    inject(&mut desktop, InputEvent::PointerMove { x: layout::CHAT_FIELD.x, y: layout::CHAT_FIELD.y });
    inject(&mut desktop, InputEvent::Button { button: 1, pressed: false });
    assert_eq!(desktop.clicks(), 1, "let go beside the button");
    assert!(desktop.held_buttons().is_empty());
    assert!(differs_in(&before, &capture(&mut desktop), layout::CHAT_FIELD), "the accent colour changed");
}

#[test]
fn the_wheel_moves_the_slider() {
    let mut desktop = DesktopSource::new();
    inject(&mut desktop, InputEvent::PointerMove { x: layout::SLIDER.x, y: layout::SLIDER.y });
    let before = capture(&mut desktop);
    inject(&mut desktop, InputEvent::Scroll { dx: 0, dy: -4 });
    assert!(differs_in(&before, &capture(&mut desktop), layout::SLIDER));
}

#[test]
fn the_same_hands_make_the_same_pictures() {
    let run = || {
        let mut desktop = DesktopSource::new();
        type_text(&mut desktop, "same");
        let _ = capture(&mut desktop);
        inject(&mut desktop, InputEvent::PointerMove { x: u16::MAX, y: u16::MAX });
        capture(&mut desktop)
    };
    assert!(run().pixels() == run().pixels());
}

#[test]
fn it_moves_by_itself_and_its_damage_tells_where() {
    let mut desktop = DesktopSource::new();
    let mut before = capture(&mut desktop);
    for step in 0..20 {
        inject(&mut desktop, InputEvent::PointerMove { x: 900 + step, y: 400 });
        let mut now = capture(&mut desktop);
        assert!(now.pixels() != before.pixels(), "nothing moved");
        for rect in now.damage().expect("known after the first").to_vec() {
            before.copy_rect(&now, rect);
        }
        assert!(now.pixels() == before.pixels(), "something changed outside the damage");
        std::mem::swap(&mut before, &mut now);
    }
}

#[test]
fn typed_text_is_bounded() {
    let mut desktop = DesktopSource::new();
    type_text(&mut desktop, &"é".repeat(MAX_TYPED_BYTES));
    assert!(desktop.typed_text().len() <= MAX_TYPED_BYTES);
    assert!(desktop.typed_text().ends_with('é'));
}
