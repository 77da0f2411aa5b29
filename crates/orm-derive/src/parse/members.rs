//! What `#[has_many]`, `#[has_one]` and `#[many_to_many]` say of their members.

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, MetaList, Path, Result, Token, parenthesized, token};

use super::ty;
use crate::model::{MemberOrder, Members};

/// `Post::AUTHOR, delete_orphan, order_by = Post::TITLE`; `None` where it does not begin with a path.
pub(super) fn with_inverse(
    list: &MetaList,
    attribute: &str,
    entity: &Ident,
) -> Result<Option<(TokenStream, Members)>> {
    let parser = |input: ParseStream<'_>| {
        let Ok(inverse) = input.parse::<Path>() else {
            input.step(|cursor| Ok(((), skipped(*cursor))))?;
            return Ok(None);
        };
        let mut members = Members::default();
        let mut seen: Vec<String> = Vec::new();
        while !input.is_empty() {
            input.parse::<Token![,]>()?;
            if input.is_empty() {
                break;
            }
            let option = input.call(Ident::parse_any)?;
            if seen.contains(&option.to_string()) {
                return Err(Error::new(option.span(), format!("`{option}` is given twice: leave one out")));
            }
            seen.push(option.to_string());
            read(input, &option, attribute, entity, &mut members)?;
        }
        Ok(Some((ty::without_self(inverse, entity), members)))
    };
    parser.parse2(list.tokens.clone())
}

fn skipped(mut cursor: syn::buffer::Cursor<'_>) -> syn::buffer::Cursor<'_> {
    while let Some((_, next)) = cursor.token_tree() {
        cursor = next;
    }
    cursor
}

fn read(
    input: ParseStream<'_>,
    option: &Ident,
    attribute: &str,
    entity: &Ident,
    members: &mut Members,
) -> Result<()> {
    match (option.to_string().as_str(), attribute) {
        ("delete_orphan", _) => {
            members.delete_orphan = match input.parse::<Option<Token![=]>>()? {
                Some(_) => input.parse::<syn::LitBool>()?.value,
                None => true,
            };
        }
        ("order_by", "has_many") => members.order = order(input, entity)?,
        ("position", "has_many") => {
            let path = input.parse::<Option<Token![=]>>()?.map(|_| input.parse::<Path>()).transpose()?;
            let Some(path) = path else {
                return Err(Error::new(
                    option.span(),
                    "`position` needs a value: write `position = Item::POSITION`",
                ));
            };
            members.position = Some(ty::without_self(path, entity));
        }
        (other, "has_one") => {
            let message = format!(
                "unknown option `{other}`: `#[has_one(..)]` takes the other side and `delete_orphan`"
            );
            return Err(Error::new(option.span(), message));
        }
        (other, _) => {
            let message = format!(
                "unknown option `{other}`: `#[{attribute}(..)]` takes the other side, `delete_orphan`, `order_by` and \
                 `position`"
            );
            return Err(Error::new(option.span(), message));
        }
    }
    if members.position.is_some() && !members.order.is_empty() {
        return Err(Error::new(option.span(), "`position` is the order already: leave `order_by` out"));
    }
    Ok(())
}

/// What follows `order_by`: `= Post::TITLE`, `= Post::TITLE.desc()`, `(Post::TITLE.desc(), Post::ID)`.
pub(super) fn order(input: ParseStream<'_>, entity: &Ident) -> Result<Vec<MemberOrder>> {
    if input.peek(token::Paren) {
        let content;
        parenthesized!(content in input);
        if content.is_empty() {
            return Err(
                content.error("an empty list: write the columns, as `order_by(Post::TITLE, Post::ID)`")
            );
        }
        let mut terms = Vec::new();
        while !content.is_empty() {
            terms.push(term(&content, entity)?);
            if !content.is_empty() {
                content.parse::<Token![,]>()?;
            }
        }
        return Ok(terms);
    }
    if input.parse::<Option<Token![=]>>()?.is_none() {
        return Err(
            input.error("`order_by` needs a column: write `order_by = Post::TITLE` or `order_by(..)`")
        );
    }
    Ok(vec![term(input, entity)?])
}

fn term(input: ParseStream<'_>, entity: &Ident) -> Result<MemberOrder> {
    let column = input.parse::<Path>()?;
    let mut descending = false;
    if input.parse::<Option<Token![.]>>()?.is_some() {
        let direction = input.parse::<Ident>()?;
        descending = match direction.to_string().as_str() {
            "asc" => false,
            "desc" => true,
            other => {
                let message = format!("unknown direction `{other}`: write `.asc()` or `.desc()`");
                return Err(Error::new(direction.span(), message));
            }
        };
        let _nothing;
        parenthesized!(_nothing in input);
    }
    Ok(MemberOrder { column: ty::without_self(column, entity), descending })
}
