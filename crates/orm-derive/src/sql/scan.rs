//! The literal of `sql!`: text without comments, and holes.
//!
//! What is in quotes is kept as it is; a comment becomes a space, so that text that is put together cannot be swallowed by one.

use std::iter::Peekable;
use std::str::Chars;

/// A part of a literal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Text(String),
    /// What stands between the braces.
    Hole(String),
}

/// Takes a literal apart.
///
/// # Errors
/// The mistake, in words.
pub(super) fn scan(literal: &str) -> Result<Vec<Segment>, String> {
    let mut scanner = Scanner { rest: literal.chars().peekable(), text: String::new(), segments: Vec::new() };
    while let Some(character) = scanner.rest.next() {
        scanner.character(character)?;
    }
    Ok(scanner.finish())
}

struct Scanner<'a> {
    rest: Peekable<Chars<'a>>,
    /// The text since the last hole.
    text: String,
    segments: Vec<Segment>,
}

impl Scanner<'_> {
    fn character(&mut self, character: char) -> Result<(), String> {
        match character {
            '{' if self.follows('{') => self.text.push('{'),
            '}' if self.follows('}') => self.text.push('}'),
            '{' => return self.hole(),
            '}' => return Err("a `}` that no `{` opens: write `}}` for a brace of SQL".to_owned()),
            '\'' => {
                let escapes = self.is_escape_string();
                return self.quoted('\'', escapes);
            }
            '"' | '`' => return self.quoted(character, false),
            '-' if self.follows('-') => {
                while self.rest.next_if(|&next| next != '\n').is_some() {}
                self.text.push(' ');
            }
            '/' if self.follows('*') => return self.comment(),
            '$' => return self.dollar(),
            other => self.text.push(other),
        }
        Ok(())
    }

    /// Takes the next character if it is this one.
    fn follows(&mut self, expected: char) -> bool {
        self.rest.next_if_eq(&expected).is_some()
    }

    fn hole(&mut self) -> Result<(), String> {
        let mut written = String::new();
        loop {
            match self.rest.next() {
                Some('}') => break,
                Some('{') | None => {
                    return Err(format!(
                        "the hole `{{{written}` is not closed: write `}}`; for a brace of SQL, `{{{{`"
                    ));
                }
                Some(other) => written.push(other),
            }
        }
        let text = std::mem::take(&mut self.text);
        if !text.is_empty() {
            self.segments.push(Segment::Text(text));
        }
        self.segments.push(Segment::Hole(written));
        Ok(())
    }

    /// Whether the quote that comes now is that of `E'it\'s'`.
    fn is_escape_string(&self) -> bool {
        let mut before = self.text.chars().rev();
        matches!(before.next(), Some('e' | 'E')) && !before.next().is_some_and(is_of_name)
    }

    fn quoted(&mut self, quote: char, escapes: bool) -> Result<(), String> {
        self.text.push(quote);
        loop {
            let Some(next) = self.rest.next() else {
                return Err(format!("a quote that is not closed: write another `{quote}` where it ends"));
            };
            match next {
                '\\' if escapes => {
                    self.text.push(next);
                    self.text.extend(self.rest.next());
                }
                '{' | '}' => self.brace_in_quotes(next)?,
                _ if next == quote => {
                    self.text.push(next);
                    // Twice, it is one in the text.
                    if !self.follows(quote) {
                        return Ok(());
                    }
                    self.text.push(quote);
                }
                _ => self.text.push(next),
            }
        }
    }

    fn brace_in_quotes(&mut self, brace: char) -> Result<(), String> {
        if self.follows(brace) {
            self.text.push(brace);
            return Ok(());
        }
        Err(format!(
            "a `{brace}` inside quotes: a hole would be text there, so leave the quotes out: a value is bound, and an \
             `Identifier` is quoted when it is written; for a brace of the text, write `{brace}{brace}`"
        ))
    }

    fn comment(&mut self) -> Result<(), String> {
        loop {
            match self.rest.next() {
                Some('*') if self.follows('/') => break,
                Some('/') if self.follows('*') => {
                    return Err(
                        "a comment inside a comment: databases disagree where it ends, so leave it out"
                            .to_owned(),
                    );
                }
                Some(_) => {}
                None => return Err("a comment that is not closed: write `*/` where it ends".to_owned()),
            }
        }
        self.text.push(' ');
        Ok(())
    }

    /// `$$ .. $$`, `$tag$ .. $tag$`, or a dollar in a name.
    fn dollar(&mut self) -> Result<(), String> {
        let in_name = self.text.chars().next_back().is_some_and(is_of_name);
        self.text.push('$');
        if in_name {
            return Ok(());
        }
        if self.rest.peek().is_some_and(char::is_ascii_digit) {
            return Err(
                "a placeholder with a number is of no value here: write `{}`, and the value as an argument"
                    .to_owned(),
            );
        }
        let mut tag = String::from('$');
        while let Some(letter) = self.rest.next_if(|&next| next.is_alphanumeric() || next == '_') {
            tag.push(letter);
        }
        self.text.push_str(&tag[1..]);
        if !self.follows('$') {
            return Ok(());
        }
        self.text.push('$');
        tag.push('$');
        let from = self.text.len();
        loop {
            match self.rest.next() {
                None => {
                    return Err(format!("a quote that is not closed: write another `{tag}` where it ends"));
                }
                Some(brace @ ('{' | '}')) => self.brace_in_quotes(brace)?,
                Some(other) => self.text.push(other),
            }
            if self.text[from..].ends_with(&tag) {
                return Ok(());
            }
        }
    }

    /// Without the space around it, and without a `;` at its end, which would end it in the middle of another.
    fn finish(mut self) -> Vec<Segment> {
        let text = self.text.trim_end_matches(|last: char| last == ';' || last.is_whitespace());
        if !text.is_empty() {
            self.segments.push(Segment::Text(text.to_owned()));
        }
        if let Some(Segment::Text(first)) = self.segments.first_mut() {
            *first = first.trim_start().to_owned();
        }
        self.segments
    }
}

/// Whether a character can stand in a name, so that what follows belongs to it.
fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '$')
}

#[cfg(test)]
mod tests {
    use super::{Segment, scan};

    /// The text, with each hole as `<name>`.
    fn read(literal: &str) -> String {
        let segments = scan(literal).unwrap_or_else(|error| panic!("{literal}: {error}"));
        let written = |segment| match segment {
            Segment::Text(text) => text,
            Segment::Hole(name) => format!("<{name}>"),
        };
        segments.into_iter().map(written).collect()
    }

    #[test]
    fn holes_and_braces_are_told_apart() {
        for (literal, expected) in [
            ("", ""),
            ("a = {}", "a = <>"),
            ("{a}{b::C} d", "<a><b::C> d"),
            ("{{}} {{a}}", "{} {a}"),
            ("'{{\"a\": 1}}'::jsonb ? {key}", "'{\"a\": 1}'::jsonb ? <key>"),
            (" a ; \n", "a"),
        ] {
            assert_eq!(read(literal), expected, "{literal}");
        }
    }

    #[test]
    fn a_comment_is_a_space_and_quotes_are_kept() {
        for (literal, expected) in [
            ("a -- b {c} '\nd", "a  \nd"),
            ("a -- b", "a"),
            ("-- b\na", "a"),
            ("a/* ' {c} \" */b", "a b"),
            ("a /* * / ** */ b", "a   b"),
            ("'-- a' -- b", "'-- a'"),
            ("\"/* a\" `--`", "\"/* a\" `--`"),
            ("'it''s -- a' b", "'it''s -- a' b"),
            (r"E'it\'s -- a' -- b", r"E'it\'s -- a'"),
            (r"'a\' -- b", r"'a\'"),
            (r"name'a\' -- b", r"name'a\'"),
            ("$$ -- a $$ -- b", "$$ -- a $$"),
            ("$a$ ' $b$ /* $a$ /* c */ d", "$a$ ' $b$ /* $a$   d"),
            ("a$b$ -- c", "a$b$"),
            ("a - - b / * c", "a - - b / * c"),
            ("'é' = {é}", "'é' = <é>"),
        ] {
            assert_eq!(read(literal), expected, "{literal}");
        }
    }

    #[test]
    fn what_is_not_closed_is_a_mistake() {
        for (literal, said) in [
            ("a = {b", "the hole `{b` is not closed"),
            ("a = {b {c}", "the hole `{b ` is not closed"),
            ("a }", "no `{` opens"),
            ("'a", "another `'`"),
            ("'a''", "another `'`"),
            (r"E'a\'", "another `'`"),
            ("\"a", "another `\"`"),
            ("$$ a", "another `$$`"),
            ("$a$ b $$", "another `$a$`"),
            ("/* a", "write `*/`"),
            ("/* a /* b */ */", "inside a comment"),
            ("'{a}'", "inside quotes"),
            ("\"{a}\"", "inside quotes"),
            ("'}'", "inside quotes"),
            ("$$ {a} $$", "inside quotes"),
            ("a = $1", "a placeholder with a number"),
        ] {
            let error = scan(literal).expect_err(literal);
            assert!(error.contains(said), "{literal}: {error}");
        }
    }
}
