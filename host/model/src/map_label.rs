//! How a mapped instance is called in lists (Airflow's `map_index_template`): a text in which `{name}` stands for what the
//! instance is given for that parameter. `{{` and `}}` are braces.

use serde_json::value::RawValue;

use crate::call::limit;

/// A stretch of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'t> {
    Text(&'t str),
    Name(&'t str),
}

/// The names that a template asks for, in order.
pub fn names(template: &str) -> impl Iterator<Item = &str> {
    parts(template).into_iter().filter_map(|part| match part {
        Part::Name(name) => Some(name),
        Part::Text(_) => None,
    })
}

/// The label of an instance with these arguments, one JSON array. A text stands for itself, anything else for its JSON.
pub fn render(template: &str, parameters: &[String], arguments: &str) -> String {
    let arguments: Vec<&RawValue> = serde_json::from_str(arguments).unwrap_or_default();
    let shown = |name: &str| {
        let at = parameters.iter().position(|parameter| parameter == name)?;
        let json = arguments.get(at)?.get();
        Some(serde_json::from_str(json).unwrap_or_else(|_| json.to_owned()))
    };
    let label: String = parts(template)
        .into_iter()
        .map(|part| match part {
            Part::Text(text) => text.to_owned(),
            Part::Name(name) => shown(name).unwrap_or_default(),
        })
        .collect();
    shortened(&label)
}

/// As much of a label as is kept, on one line.
pub fn shortened(label: &str) -> String {
    label.chars().take(limit::MAP_LABEL).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

fn parts(template: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        parts.push(Part::Text(before));
        let (part, behind) = match from.as_bytes() {
            [b'{', b'{', ..] | [b'}', b'}', ..] => (Part::Text(&from[..1]), 2),
            [b'{', ..] => match from.find('}') {
                Some(end) => (Part::Name(from[1..end].trim()), end + 1),
                None => (Part::Text(from), from.len()),
            },
            _ => (Part::Text(&from[..1]), 1),
        };
        parts.push(part);
        rest = &from[behind..];
    }
    parts.push(Part::Text(rest));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_for_arguments() {
        let parameters = ["file", "size", "tags"].map(str::to_owned);
        let arguments = r#"["a \"b\".csv", 12.50, {"x": [1]}]"#;
        for (template, label) in [
            ("{file}", r#"a "b".csv"#),
            ("{size} of { file }: {tags}", r#"12.50 of a "b".csv: {"x": [1]}"#),
            ("{{file}} {size}", "{file} 12.50"),
            ("{nobody}, {file", ", {file"),
            ("no name at all }", "no name at all }"),
            ("", ""),
        ] {
            assert_eq!(render(template, &parameters, arguments), label, "{template}");
        }
        assert_eq!(names("{a} {{b}} { c }").collect::<Vec<_>>(), ["a", "c"]);
    }

    #[test]
    fn a_label_has_an_end_and_one_line() {
        let label = render("{x}", &["x".to_owned()], &format!("[{:?}]", "a\n".repeat(300)));
        assert_eq!(label.chars().count(), limit::MAP_LABEL);
        assert!(label.starts_with("a\u{fffd}a") && !label.contains('\n'));
    }
}
