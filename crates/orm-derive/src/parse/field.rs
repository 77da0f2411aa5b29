//! One field: which role its attributes and its type give it.

use proc_macro2::Ident;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Result, Type};

use super::Errors;
use super::attr::{self, Grammar};
use super::embedded;
use super::relation;
use super::ty::{self, Known};
use crate::model::{DefaultValue, Field, KeyOption, Literal, Role, UuidVersion, Value};
use crate::names::plain;

const ATTRIBUTES: [&str; 8] =
    ["key", "column", "version", "embedded", "belongs_to", "has_many", "has_one", "many_to_many"];

/// Reads a field. Its first column is given out later.
pub(super) fn parse(field: &syn::Field, entity: &Ident, errors: &mut Errors) -> Field {
    let ident = field.ident.clone().unwrap_or_else(|| entity.clone());
    let attributes: Vec<Marker<'_>> = field.attrs.iter().filter_map(Marker::of).collect();
    let role = relation::role(field, &ident, entity, &attributes, errors)
        .or_else(|| errors.keep(embedded::of_field(field, &attributes)).flatten().map(Role::Embedded))
        .unwrap_or_else(|| Role::Value(value(field, &ident, entity, &attributes, errors)));
    Field { ident, ty: ty::without_self(&field.ty, entity), column: 0, role }
}

/// An attribute that belongs to this derive.
pub(super) struct Marker<'a> {
    pub(super) name: &'static str,
    pub(super) attribute: &'a Attribute,
}

impl<'a> Marker<'a> {
    fn of(attribute: &'a Attribute) -> Option<Self> {
        let name = ATTRIBUTES.into_iter().find(|name| attribute.path().is_ident(name))?;
        Some(Self { name, attribute })
    }
}

fn value(
    field: &syn::Field,
    ident: &Ident,
    entity: &Ident,
    attributes: &[Marker<'_>],
    errors: &mut Errors,
) -> Value {
    let mut value = Value::default();
    for known in attributes {
        let read = match known.name {
            "key" => key(known.attribute, &mut value),
            "version" => version(known.attribute, &mut value),
            // With another: told where it was read.
            "embedded" => Ok(()),
            _ => column(known.attribute, entity, &mut value),
        };
        errors.keep(read);
    }
    errors.keep(check(field, ident, &mut value));
    value
}

fn key(attribute: &Attribute, value: &mut Value) -> Result<()> {
    let options = &["auto", "uuid_v7", "uuid_v4"];
    let grammar = Grammar { attribute: "key", options, repeatable: &[] };
    let (mut auto, mut uuid) = (None, None);
    if value.key.is_some() {
        return Err(Error::new_spanned(attribute, "`#[key]` is given twice: leave one out"));
    }
    // Known to be a key even where its options are wrong, or "no key" would follow.
    value.key = Some(KeyOption { auto: None, uuid: None });
    grammar.read(attribute, |option, meta| {
        let place = attr::flag(meta)?.then(|| meta.path.span());
        let Some(place) = place else { return Ok(()) };
        if auto.or(uuid.map(|(_, place)| place)).is_some() {
            return Err(Error::new(place, "a key is made in one way: leave one of the options out"));
        }
        match option {
            "auto" => auto = Some(place),
            "uuid_v4" => uuid = Some((UuidVersion::V4, place)),
            _ => uuid = Some((UuidVersion::V7, place)),
        }
        Ok(())
    })?;
    value.key = Some(KeyOption { auto, uuid });
    Ok(())
}

fn version(attribute: &Attribute, value: &mut Value) -> Result<()> {
    if value.version {
        return Err(Error::new_spanned(attribute, "`#[version]` is given twice: leave one out"));
    }
    value.version = true;
    let grammar = Grammar { attribute: "version", options: &["timestamp"], repeatable: &[] };
    grammar.read(attribute, |_, meta| {
        value.timestamp = attr::flag(meta)?;
        Ok(())
    })
}

fn column(attribute: &Attribute, entity: &Ident, value: &mut Value) -> Result<()> {
    let grammar = Grammar {
        attribute: "column",
        options: &[
            "name",
            "unique",
            "index",
            "default",
            "server_default",
            "generated",
            "references",
            "on_delete",
        ],
        repeatable: &[],
    };
    grammar.read(attribute, |option, meta| {
        match option {
            "name" => set(&mut value.name, attr::name(meta)?, "name", meta)?,
            "unique" => value.unique = attr::flag(meta)?,
            "index" => value.index = attr::flag(meta)?,
            "default" => set(&mut value.default, attr::default(meta)?, "default", meta)?,
            "server_default" => {
                set(&mut value.default, attr::default(meta)?, "server_default` or `default", meta)?;
                value.server_default = true;
            }
            "generated" => set(&mut value.generated, attr::name(meta)?, "generated", meta)?,
            "references" => {
                let path: syn::Path = attr::value(meta, "User::ID")?.parse()?;
                set(&mut value.references, ty::without_self(path, entity), "references", meta)?;
            }
            _ => set(&mut value.on_delete, attr::on_delete(meta)?, "on_delete", meta)?,
        }
        Ok(())
    })
}

/// Sets what an attribute before this one may have set.
fn set<T>(place: &mut Option<T>, new: T, option: &str, meta: &syn::meta::ParseNestedMeta<'_>) -> Result<()> {
    match place.replace(new) {
        None => Ok(()),
        Some(_) => Err(Error::new_spanned(&meta.path, format!("`{option}` is given twice: leave one out"))),
    }
}

/// What the field's options and the name of its type say about each other.
fn check(field: &syn::Field, ident: &Ident, value: &mut Value) -> Result<()> {
    let name = plain(ident);
    let at_type = |message: String| Err(Error::new_spanned(&field.ty, message));
    let known = ty::known(&field.ty);
    if let Known::Unsupported(advice) = known {
        return at_type(format!("no column holds this type: {advice}"));
    }
    if let Some(inner) = ty::argument(&field.ty, "Option")
        && let Known::Unsupported(advice) = ty::known(inner)
    {
        return Err(Error::new_spanned(inner, format!("no column holds this type: {advice}")));
    }
    if let (Some(_), true) = (&value.key, value.version) {
        return at_type(format!(
            "`{name}` cannot be key and version at once: leave one of the attributes out"
        ));
    }
    if value.key.is_some() && known == Known::Optional {
        return at_type(match value.is_auto() {
            true => "a key is never NULL: write the type without `Option`; its default, 0, means \"not yet\""
                .into(),
            false => "a key is never NULL: write the type without `Option`".into(),
        });
    }
    if value.key.is_some() && !value.is_auto() && known == Known::Float {
        return at_type(
            "a float cannot be a key, since equal values are not found reliably: write `i64` or `String`"
                .into(),
        );
    }
    if value.is_auto() {
        match known {
            Known::Integer => {}
            Known::Unknown => {
                value.integer_guard = Some("`#[key(auto)]` needs an integer field, such as `i64`");
            }
            _ => {
                return at_type(
                    "`#[key(auto)]` needs an integer, such as `i64`: write `#[key]` for a key that you assign".into(),
                );
            }
        }
        if let Some(default) = &value.default {
            return Err(Error::new(
                default.span,
                "the database assigns this key, so a default is never used: leave out `default` or `auto`",
            ));
        }
    }
    if value.key.as_ref().is_some_and(|key| key.uuid.is_some()) {
        let uuid = "a key that is made here is a `uuid::Uuid`, with the cargo feature `uuid` of anyorm";
        match known {
            Known::Unknown => value.uuid_guard = Some(uuid),
            _ => return at_type(uuid.into()),
        }
    }
    filled_fits(value)?;
    if value.version && value.timestamp {
        let micros = "a timestamp version holds microseconds since 1970: write `i64`";
        match ty::last_name(&field.ty).map(plain).as_deref() {
            Some("i64") => {}
            _ if known == Known::Unknown => value.timestamp_guard = Some(micros),
            _ => return at_type(micros.into()),
        }
    } else if value.version {
        match known {
            Known::Integer => {}
            Known::Unknown => value.integer_guard = Some("a version is an integer field, such as `i64`"),
            _ => return at_type("a version is an integer that counts the changes: write `i64`".into()),
        }
    }
    if let Some(default) = &value.default {
        default_fits(&field.ty, default)?;
    }
    match (&value.on_delete, &value.references) {
        (Some(on_delete), None) => Err(Error::new(
            on_delete.span,
            "`on_delete` needs to know whose deletion: add `references = User::ID`",
        )),
        _ => Ok(()),
    }
}

/// What the database fills by itself is not what the flush counts or finds rows by.
fn filled_fits(value: &Value) -> Result<()> {
    let part = if value.version { "a version" } else { "a key" };
    let is_special = value.version || value.key.is_some();
    if let (Some(default), true) = (&value.default, value.server_default && is_special) {
        let message = format!(
            "{part} has no `server_default`: the session must know it; write `default` for rows that others add"
        );
        return Err(Error::new(default.span, message));
    }
    let Some(generated) = &value.generated else { return Ok(()) };
    if is_special {
        return Err(Error::new(generated.span, format!("{part} is never computed: leave `generated` out")));
    }
    if value.default.is_some() {
        return Err(Error::new(generated.span, "a computed column has no default: leave one of the two out"));
    }
    if value.references.is_some() {
        return Err(Error::new(
            generated.span,
            "a computed column refers to no row that can change it: leave `generated` or `references` out",
        ));
    }
    Ok(())
}

/// A literal of another kind than the field; only where the type's name tells.
fn default_fits(ty: &Type, default: &DefaultValue) -> Result<()> {
    let Some((literal, span)) = default.literal else { return Ok(()) };
    let name = ty::last_name(ty::argument(ty, "Option").unwrap_or(ty)).map(plain).unwrap_or_default();
    let (fits, advice) = match name.as_str() {
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" => {
            (literal == Literal::Integer, "an integer: `default = 0`")
        }
        "f32" | "f64" => (matches!(literal, Literal::Integer | Literal::Float), "a number: `default = 0.5`"),
        "bool" => (literal == Literal::Bool, "`default = true` or `default = false`"),
        "String" => (literal == Literal::Text, "a string: `default = \"new\"`"),
        _ => return Ok(()),
    };
    if fits { Ok(()) } else { Err(Error::new(span, format!("not a default of `{name}`: write {advice}"))) }
}
