//! Expressions apart at their commas, without a parser for expressions: that would be most of the time that this crate takes
//! to build.

use proc_macro2::{Spacing, TokenStream, TokenTree};

/// The tokens between the commas; a comma at the end is none. One inside brackets of any kind belongs to the expression, those
/// of `path::<A, B>` and `<A as B<C, D>>::E` included.
pub(crate) fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = Vec::new();
    let mut part: Vec<TokenTree> = Vec::new();
    let mut depth = 0_usize;
    for token in tokens {
        if let TokenTree::Punct(punct) = &token {
            match punct.as_char() {
                ',' if depth == 0 => {
                    parts.push(part.drain(..).collect());
                    continue;
                }
                '<' if depth > 0 || opens(&part) => depth += 1,
                '>' if depth > 0 && !is_joint(part.last(), '-') => depth -= 1,
                _ => {}
            }
        }
        part.push(token);
    }
    if !part.is_empty() {
        parts.push(part.into_iter().collect());
    }
    parts
}

/// Whether a `<` here begins a list of types, rather than being less than.
fn opens(before: &[TokenTree]) -> bool {
    match before {
        [] => true,
        [.., first, last] if is_joint(Some(first), ':') => is(last, ':'),
        // `<<`
        [.., last] if is_joint(Some(last), '<') => false,
        // Behind an operator an expression begins, or a type.
        [.., TokenTree::Punct(last)] => !matches!(last.as_char(), '?' | '>'),
        [.., TokenTree::Ident(last)] => matches!(last.to_string().as_str(), "as" | "return" | "in" | "move"),
        _ => false,
    }
}

fn is(token: &TokenTree, character: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == character)
}

fn is_joint(token: Option<&TokenTree>, character: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == character && punct.spacing() == Spacing::Joint)
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn commas_inside_brackets_belong_to_the_expression() {
        for (tokens, parts) in [
            ("", 0),
            ("a", 1),
            ("a,", 1),
            ("a, b", 2),
            ("f(a, b), [c, d], {e, f}", 3),
            ("HashMap::<A, B>::new(), c", 2),
            ("<A as B<C, D>>::E, f", 2),
            ("a < b, c > d", 2),
            ("a << 2, b >> 1", 2),
            ("parse::<fn(A) -> B>(), c", 2),
            ("-<A as B<C, D>>::E, f", 2),
            ("x::<Vec<Vec<A>>, B>(), c", 2),
        ] {
            assert_eq!(split(tokens.parse().expect("tokens")).len(), parts, "{tokens}");
        }
    }
}
