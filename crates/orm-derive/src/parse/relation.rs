//! Relation fields: `#[belongs_to]`, `#[has_many]`, `#[has_one]`, `#[many_to_many]`.

use proc_macro2::{Ident, TokenStream};
use syn::spanned::Spanned;
use syn::{Error, Path, Result, Type};

use super::Errors;
use super::attr::{self, Grammar};
use super::field::Marker;
use super::members;
use super::ty::{self, Wrapper};
use crate::model::{BelongsTo, HasMany, ManyToMany, Members, Name, Role, Value};
use crate::names::{plain, snake_case};

/// The role of a relation field; `None` for a plain column.
pub(super) fn role(
    field: &syn::Field,
    ident: &Ident,
    entity: &Ident,
    markers: &[Marker<'_>],
    errors: &mut Errors,
) -> Option<Role> {
    let wrapper = ty::wrapper(&field.ty);
    let mut relations = markers.iter().filter(|marker| attribute_of(marker.name).is_some());
    let (marker, second) = (relations.next(), relations.next());
    match (wrapper, marker) {
        (None, None) => None,
        (None, Some(marker)) => {
            errors.push(Error::new_spanned(&field.ty, wrong_type(marker.name)));
            Some(Role::Value(Value::default()))
        }
        (Some((wrapper, target)), None) => {
            errors.push(Error::new_spanned(&field.ty, missing_attribute(wrapper, target)));
            Some(stand_in(wrapper, target, ident, entity))
        }
        (Some((wrapper, target)), Some(marker)) => {
            let is_key = |other: &&Marker<'_>| other.name == "key" && wrapper == Wrapper::BelongsTo;
            let mut keys = markers.iter().filter(is_key);
            let (key, key_again) = (keys.next(), keys.next());
            let other = markers.iter().find(|other| attribute_of(other.name).is_none() && !is_key(other));
            let read = if let Some(second) = second {
                Err(Error::new_spanned(
                    second.attribute,
                    "a field is the end of one relation: leave one of the attributes out",
                ))
            } else if attribute_of(marker.name) != Some(wrapper) {
                Err(Error::new_spanned(&field.ty, wrong_type(marker.name)))
            } else if let Some(other) = other {
                Err(Error::new_spanned(other.attribute, not_on_a_relation(other.name, marker.name)))
            } else if let Some(again) = key_again {
                Err(Error::new_spanned(again.attribute, "`#[key]` is given twice: leave one out"))
            } else {
                read(wrapper, marker, target, ident, entity)
            };
            let mut role = errors.keep(read).unwrap_or_else(|| stand_in(wrapper, target, ident, entity));
            if let (Some(key), Role::BelongsTo(relation)) = (key, &mut role) {
                // Known to be a key even where that is wrong, or "no key" would follow.
                relation.key = true;
                errors.keep(check_key(key, target, ident, entity));
            }
            Some(role)
        }
    }
}

fn attribute_of(name: &str) -> Option<Wrapper> {
    match name {
        "belongs_to" => Some(Wrapper::BelongsTo),
        "has_many" => Some(Wrapper::HasMany),
        "has_one" => Some(Wrapper::HasOne),
        "many_to_many" => Some(Wrapper::ManyToMany),
        _ => None,
    }
}

fn wrong_type(attribute: &str) -> &'static str {
    match attribute {
        "belongs_to" => {
            "`#[belongs_to]` needs a field of type `BelongsTo<User>` or `BelongsTo<Option<User>>`; a plain foreign key \
             is written `#[column(references = User::ID)]`"
        }
        "has_many" => "`#[has_many]` needs a field of type `HasMany<Post>`",
        "has_one" => "`#[has_one]` needs a field of type `HasOne<Profile>`",
        _ => "`#[many_to_many]` needs a field of type `ManyToMany<Tag>`",
    }
}

fn missing_attribute(wrapper: Wrapper, target: &Type) -> String {
    let target = ty::last_name(target).map_or_else(|| "Post".to_owned(), plain);
    match wrapper {
        Wrapper::BelongsTo => "this relation needs an attribute: write `#[belongs_to]` above it".to_owned(),
        Wrapper::HasMany | Wrapper::HasOne => format!(
            "this relation needs an attribute that names its other side: write `#[{}({target}::..)]` above it, \
             with the constant of a `belongs_to`",
            if wrapper == Wrapper::HasOne { "has_one" } else { "has_many" }
        ),
        Wrapper::ManyToMany => "this relation needs an attribute that names the table of its pairs: write \
             `#[many_to_many(through = \"..\")]` above it"
            .to_owned(),
    }
}

fn not_on_a_relation(attribute: &str, relation: &str) -> String {
    match (attribute, relation) {
        ("key", _) => {
            "a collection has no column, so it cannot be a key: write `#[key]` above a plain field or a \
             `#[belongs_to]`"
                .to_owned()
        }
        ("column", "belongs_to") => {
            "`#[column]` does not go with `#[belongs_to]`, which takes `column`, `columns`, \
             `unique`, `index` and `on_delete` itself"
                .to_owned()
        }
        ("column", "has_one") => {
            "a `has_one` has no column, the other side has it: leave `#[column]` out".to_owned()
        }
        ("column", _) => "a collection has no column: leave `#[column]` out".to_owned(),
        _ => format!("`#[{attribute}]` goes on a plain field, not on a relation"),
    }
}

fn read(wrapper: Wrapper, marker: &Marker<'_>, target: &Type, ident: &Ident, entity: &Ident) -> Result<Role> {
    Ok(match wrapper {
        Wrapper::BelongsTo => Role::BelongsTo(belongs_to(marker, target, ident, entity)?),
        Wrapper::HasMany | Wrapper::HasOne => {
            Role::HasMany(has_many(marker, target, entity, wrapper == Wrapper::HasOne)?)
        }
        Wrapper::ManyToMany => Role::ManyToMany(many_to_many(marker, target, entity)?),
    })
}

fn belongs_to(marker: &Marker<'_>, target: &Type, ident: &Ident, entity: &Ident) -> Result<BelongsTo> {
    let grammar = Grammar {
        attribute: "belongs_to",
        options: &["column", "columns", "on_delete", "unique", "index"],
        repeatable: &[],
    };
    let mut relation = default_belongs_to(target, ident, entity);
    let mut named = false;
    grammar.read(marker.attribute, |option, meta| {
        match option {
            "column" | "columns" if named => {
                return Err(meta.error("the columns are named twice: leave `column` or `columns` out"));
            }
            "column" => relation.columns = vec![attr::name(meta)?],
            "columns" => relation.columns = attr::list(meta)?,
            "on_delete" => relation.on_delete = Some(attr::on_delete(meta)?),
            "unique" => relation.unique = attr::flag(meta)?,
            _ => relation.index = Some(attr::flag(meta)?),
        }
        named |= option.starts_with("column");
        Ok(())
    })?;
    Ok(relation)
}

/// A link that is a key, or a part of one.
fn check_key(key: &Marker<'_>, target: &Type, ident: &Ident, entity: &Ident) -> Result<()> {
    if !matches!(key.attribute.meta, syn::Meta::Path(_)) {
        return Err(Error::new_spanned(
            &key.attribute.meta,
            "`#[key]` takes no options on a relation: its key is the one that it points to",
        ));
    }
    if let Some(inner) = ty::argument(target, "Option") {
        let (name, inner) = (plain(ident), ty::last_name(inner).map_or_else(|| "User".to_owned(), plain));
        return Err(Error::new_spanned(
            target,
            format!("a key is never NULL: make `{name}` a `BelongsTo<{inner}>`, or leave `#[key]` out"),
        ));
    }
    if ty::last_name(target).is_some_and(|name| name == "Self" || name == entity) {
        return Err(Error::new_spanned(
            target,
            "a key cannot be made of a link to the entity itself: give it a key of its own",
        ));
    }
    Ok(())
}

fn default_belongs_to(target: &Type, ident: &Ident, entity: &Ident) -> BelongsTo {
    BelongsTo {
        target: ty::without_self(target, entity),
        columns: vec![Name { text: format!("{}_id", plain(ident)), span: ident.span() }],
        on_delete: None,
        unique: false,
        index: None,
        key: false,
    }
}

fn has_many(marker: &Marker<'_>, target: &Type, entity: &Ident, one: bool) -> Result<HasMany> {
    let attribute = marker.name;
    let written = match &marker.attribute.meta {
        syn::Meta::List(list) => members::with_inverse(list, attribute, entity)?,
        _ => None,
    };
    let Some((inverse, members)) = written else {
        let target = ty::last_name(target).map_or_else(|| "Post".to_owned(), plain);
        let advice = format!(
            "write `#[{attribute}({target}::..)]`, with the constant of a `belongs_to` of `{target}`"
        );
        return Err(Error::new_spanned(
            &marker.attribute.meta,
            format!("`#[{attribute}]` names its other side: {advice}"),
        ));
    };
    Ok(HasMany { target: ty::without_self(target, entity), inverse, one, members })
}

fn many_to_many(marker: &Marker<'_>, target: &Type, entity: &Ident) -> Result<ManyToMany> {
    let grammar = Grammar {
        attribute: "many_to_many",
        options: &["through", "from", "to", "delete_orphan", "order_by"],
        repeatable: &[],
    };
    let (mut through, mut through_entity, mut from, mut to) = (None, None, None, None);
    let mut members = Members::default();
    grammar.read(marker.attribute, |option, meta| {
        match option {
            "through" => {
                let input = attr::value(meta, "\"post_tags\"")?;
                if input.peek(syn::LitStr) {
                    through = Some(attr::checked(&input.parse()?)?.text);
                } else {
                    let path: Path = input.parse().map_err(|error| {
                        Error::new(
                            error.span(),
                            "not a table of pairs: write its name, `through = \"post_tags\"`, or the entity that is \
                             stored in it, `through = PostTag`",
                        )
                    })?;
                    through = path.segments.last().map(|segment| plain(&segment.ident));
                    through_entity = Some(ty::without_self(path, entity));
                }
            }
            "from" => from = Some(attr::name_or_list(meta)?),
            "delete_orphan" => members.delete_orphan = attr::flag(meta)?,
            "order_by" => members.order = members::order(meta.input, entity)?,
            _ => to = Some(attr::name_or_list(meta)?),
        }
        Ok(())
    })?;
    let at_attribute = |message: String| Error::new_spanned(&marker.attribute.meta, message);
    let other = ty::last_name(target).map(plain).unwrap_or_default();
    let this = plain(entity);
    let through = through.ok_or_else(|| {
        let (this, other) = (snake_case(&this), snake_case(&other));
        at_attribute(format!(
            "`#[many_to_many]` names the table of its pairs: write `#[many_to_many(through = \"{this}_{other}\")]`"
        ))
    })?;
    let written = if through_entity.is_some() { through.clone() } else { format!("{through:?}") };
    if (from.is_none() || to.is_none()) && (other == this || other == "Self") {
        return Err(at_attribute(format!(
            "both sides are `{this}`: name both columns, as \
             `#[many_to_many(through = {written}, from = \"follower_id\", to = \"followed_id\")]`"
        )));
    }
    let span = marker.attribute.path().span();
    let by_default = |name: &str| vec![Name { text: format!("{}_id", snake_case(name)), span }];
    let from = from.unwrap_or_else(|| by_default(&this));
    let to = to.unwrap_or_else(|| by_default(&other));
    if let Some(twice) = to.iter().find(|name| from.iter().any(|other| other.text == name.text)) {
        return Err(at_attribute(format!(
            "the column `{}` of `{through}` is named for both sides: name others with `from` and `to`",
            twice.text
        )));
    }
    Ok(ManyToMany { target: ty::without_self(target, entity), through, through_entity, from, to, members })
}

/// A relation that keeps its constant after a mistake, so that the constant's uses are not errors too.
fn stand_in(wrapper: Wrapper, target: &Type, ident: &Ident, entity: &Ident) -> Role {
    let tokens = ty::without_self(target, entity);
    match wrapper {
        Wrapper::BelongsTo => Role::BelongsTo(default_belongs_to(target, ident, entity)),
        Wrapper::HasMany | Wrapper::HasOne => Role::HasMany(HasMany {
            target: tokens,
            inverse: TokenStream::new(),
            one: wrapper == Wrapper::HasOne,
            members: Members::default(),
        }),
        Wrapper::ManyToMany => Role::ManyToMany(ManyToMany {
            target: tokens,
            through: String::new(),
            through_entity: None,
            from: Vec::new(),
            to: Vec::new(),
            members: Members::default(),
        }),
    }
}
