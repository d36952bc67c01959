//! Airflow's search texts, held against a name: what `*_pattern` and `*_prefix_pattern` mean where no database is asked.

/// Whether a text matches anywhere, in letters of either case. `%` stands for any text, `_` for any letter, `|` between
/// alternatives, `~` for everything.
pub(super) fn is_like(pattern: &str, name: &str) -> bool {
    let name: Vec<char> = name.to_lowercase().chars().collect();
    let is_like = |term: &str| {
        let term: Vec<char> = std::iter::once('%').chain(term.to_lowercase().chars()).chain(['%']).collect();
        matches(&term, &name)
    };
    any(pattern, is_like)
}

/// Whether a name begins with a text, in these very letters. `|` stands between alternatives, `~` for everything.
pub(super) fn begins(prefix: &str, name: &str) -> bool {
    any(prefix, |term| name.starts_with(term))
}

fn any(text: &str, holds: impl Fn(&str) -> bool) -> bool {
    let mut terms = text.split('|').map(str::trim).filter(|term| !term.is_empty() && text != "~").peekable();
    terms.peek().is_none() || terms.any(holds)
}

/// Goes on from the last `%` where letters differ, which is never worse than from one before it.
fn matches(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut seen, mut last) = (0, 0, None);
    while seen < name.len() {
        match (pattern.get(at), last) {
            (Some('%'), _) => {
                last = Some((at, seen));
                at += 1;
            }
            (Some(&letter), _) if letter == '_' || letter == name[seen] => {
                at += 1;
                seen += 1;
            }
            (_, Some((any, until))) => {
                last = Some((any, until + 1));
                (at, seen) = (any + 1, until + 1);
            }
            (_, None) => return false,
        }
    }
    pattern[at..].iter().all(|&letter| letter == '%')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_as_in_the_database() {
        for (pattern, name, expected) in [
            ("", "x", true),
            ("~", "x", true),
            ("def", "default_pool", true),
            ("F%T_p", "default_pool", true),
            ("pool_", "default_pool", false),
            ("a%b%c", "abab", false),
            ("aab", "aaab", true),
            (" x | POOL", "default_pool", true),
            ("x|y", "default_pool", false),
        ] {
            assert_eq!(is_like(pattern, name), expected, "{pattern:?} {name:?}");
        }
        for (prefix, expected) in [("", true), ("~", true), ("def", true), ("x|d", true), ("D", false), ("%", false)] {
            assert_eq!(begins(prefix, "default_pool"), expected, "{prefix:?}");
        }
    }
}
