use serde_json::{Value, json};

/// Where what happens is told: to a person as text, to a program as one JSON object per line.
#[derive(Clone, Copy, Debug)]
pub(super) struct Teller {
    json: bool,
    out: Out,
}

/// Which stream: `isi chat` talks on standard output, the others keep it for the link and for pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Out {
    Standard,
    Errors,
}

impl Teller {
    pub(super) const fn new(json: bool, out: Out) -> Self {
        Self { json, out }
    }

    /// Tells one thing: its kind and its fields for programs, its text for people.
    pub(super) fn tell(self, kind: &str, fields: Value, text: &str) {
        let line = if self.json { render(kind, fields, text) } else { text.to_owned() };
        match self.out {
            Out::Standard => println!("{line}"),
            Out::Errors => eprintln!("{line}"),
        }
    }

    /// Tells something that has no fields of its own.
    pub(super) fn say(self, kind: &str, text: &str) {
        self.tell(kind, json!({}), text);
    }
}

fn render(kind: &str, fields: Value, text: &str) -> String {
    let mut line = match fields {
        Value::Object(fields) => fields,
        other => serde_json::Map::from_iter([("value".to_owned(), other)]),
    };
    line.insert("event".to_owned(), kind.into());
    line.insert("text".to_owned(), text.trim_start_matches("* ").into());
    Value::Object(line).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_get_kind_fields_and_text() {
        let line = render("joined", json!({"who": "ab12"}), "* ab12 is here");
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read, json!({"event": "joined", "who": "ab12", "text": "ab12 is here"}));
    }
}
