//! From Rust names to database names and to the names of constants.

use proc_macro2::Ident;
use syn::ext::IdentExt;

/// An identifier as a person reads it: `r#type` is `type`.
pub(crate) fn plain(ident: &Ident) -> String {
    ident.unraw().to_string()
}

/// `PostTag` as `post_tag`, `HTTPServer` as `http_server`.
pub(crate) fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        if letter.is_uppercase() && at > 0 {
            let after_small = letters[at - 1].is_lowercase() || letters[at - 1].is_numeric();
            let before_small = letters.get(at + 1).is_some_and(|next| next.is_lowercase());
            if after_small || (before_small && letters[at - 1] != '_') {
                snake.push('_');
            }
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// The constant of a column that has no field of its own: `author_id` and `AuthorId` are `AUTHOR_ID`.
pub(crate) fn constant_of_column(name: &str) -> String {
    let name: String =
        snake_case(name).chars().map(|letter| if letter.is_alphanumeric() { letter } else { '_' }).collect();
    let prefix = if name.starts_with(|first: char| first.is_numeric()) { "_" } else { "" };
    format!("{prefix}{}", name.to_uppercase())
}

/// The constant of a field: `name` is `NAME`.
pub(crate) fn constant_of_field(field: &Ident) -> String {
    plain(field).to_uppercase()
}

/// How the names of variants are written in the database.
#[derive(Clone, Copy)]
pub(crate) enum Case {
    Lower,
    Upper,
    Snake,
    ScreamingSnake,
    Kebab,
    Camel,
}

impl Case {
    /// Each with its name, which is written as it says.
    pub(crate) const ALL: [(&'static str, Self); 6] = [
        ("lowercase", Self::Lower),
        ("UPPERCASE", Self::Upper),
        ("snake_case", Self::Snake),
        ("SCREAMING_SNAKE_CASE", Self::ScreamingSnake),
        ("kebab-case", Self::Kebab),
        ("camelCase", Self::Camel),
    ];

    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, case)| case)
    }

    /// A variant's name in this case.
    pub(crate) fn apply(self, variant: &str) -> String {
        match self {
            Self::Lower => variant.to_lowercase(),
            Self::Upper => variant.to_uppercase(),
            Self::Snake => snake_case(variant),
            Self::ScreamingSnake => snake_case(variant).to_uppercase(),
            Self::Kebab => snake_case(variant).replace('_', "-"),
            Self::Camel => {
                let mut letters = variant.chars();
                let first = letters.next().into_iter().flat_map(char::to_lowercase);
                first.chain(letters).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snake_case_splits_words() {
        for (name, snake) in [
            ("User", "user"),
            ("PostTag", "post_tag"),
            ("HTTPServer", "http_server"),
            ("UserID", "user_id"),
            ("Track2Artist", "track2_artist"),
            ("already_snake", "already_snake"),
            ("Mixed_Case", "mixed_case"),
        ] {
            assert_eq!(snake_case(name), snake);
        }
    }

    #[test]
    fn variants_are_written_in_each_case() {
        let written = Case::ALL.map(|(name, case)| (name, case.apply("OnHold")));
        let expected = [
            ("lowercase", "onhold"),
            ("UPPERCASE", "ONHOLD"),
            ("snake_case", "on_hold"),
            ("SCREAMING_SNAKE_CASE", "ON_HOLD"),
            ("kebab-case", "on-hold"),
            ("camelCase", "onHold"),
        ];
        assert_eq!(written, expected.map(|(name, text)| (name, text.to_owned())));
    }

    #[test]
    fn a_column_has_a_constant_whatever_its_name() {
        for (name, constant) in [
            ("author_id", "AUTHOR_ID"),
            ("AuthorId", "AUTHOR_ID"),
            ("2nd place", "_2ND_PLACE"),
            ("a-b", "A_B"),
        ] {
            assert_eq!(constant_of_column(name), constant);
        }
    }
}
