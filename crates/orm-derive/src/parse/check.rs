//! What the fields of an entity say together: its columns and constants, its key, its indexes.

use std::collections::HashMap;

use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::{DeriveInput, Error, Result};

use super::Errors;
use super::entity::{self, NamedIndex, Options};
use crate::model::{Column, Entity, Field, Index, Name, Role};
use crate::names::{constant_of_column, constant_of_field, plain};

/// Puts the entity together.
pub(super) fn entity(
    input: &DeriveInput,
    options: Options,
    mut fields: Vec<Field>,
    errors: &mut Errors,
) -> Entity {
    let columns = columns(&mut fields);
    decide_indexes(&mut fields);
    let mut indexes = composite_links(&fields);
    for index in &options.indexes {
        indexes.extend(errors.keep(resolve(index, &fields)));
    }
    let entity = Entity {
        ident: input.ident.clone(),
        visibility: input.vis.to_token_stream(),
        support: entity::support(options.facade.as_ref()),
        table: options.table.unwrap_or_else(|| entity::default_table(&input.ident)),
        fields,
        columns,
        indexes,
    };
    for check in [check_key, check_version, check_server_defaults, check_embedded, check_names] {
        errors.keep(check(&entity));
    }
    entity
}

/// Gives each field its columns.
fn columns(fields: &mut [Field]) -> Vec<Column> {
    let mut columns = Vec::new();
    for (at, field) in fields.iter_mut().enumerate() {
        field.column = columns.len();
        match &field.role {
            Role::Value(value) => {
                let of_field = Name { text: plain(&field.ident), span: field.ident.span() };
                let constant = Ident::new(&constant_of_field(&field.ident), field.ident.span());
                let name = value.name.clone().unwrap_or(of_field);
                columns.push(Column { name, field: at, part: 0, constant });
            }
            Role::BelongsTo(relation) => {
                for (part, name) in relation.columns.iter().enumerate() {
                    let constant = Ident::new(&constant_of_column(&name.text), name.span);
                    columns.push(Column { name: name.clone(), field: at, part, constant });
                }
            }
            Role::Embedded(_) | Role::HasMany(_) | Role::ManyToMany(_) => {}
        }
    }
    columns
}

/// A foreign key has an index, unless the attribute says otherwise: deletes and loads look rows up by it. The key's own
/// index serves the link that the key begins with.
fn decide_indexes(fields: &mut [Field]) {
    let mut key_begun = false;
    for field in fields {
        match &mut field.role {
            Role::Value(value) => key_begun |= value.key.is_some(),
            Role::BelongsTo(relation) => {
                let begins_key = relation.key && !key_begun;
                key_begun |= relation.key;
                relation.index.get_or_insert(!begins_key);
            }
            Role::Embedded(_) | Role::HasMany(_) | Role::ManyToMany(_) => {}
        }
    }
}

/// A foreign key of one column says in the column that it is indexed; one of several has an index entry.
fn composite_links(fields: &[Field]) -> Vec<Index> {
    let index = |field: &Field| match &field.role {
        Role::BelongsTo(relation)
            if relation.columns.len() > 1 && (relation.index == Some(true) || relation.unique) =>
        {
            let columns = (field.column..field.column + relation.columns.len()).collect();
            Some(Index { name: None, columns, unique: relation.unique })
        }
        _ => None,
    };
    fields.iter().filter_map(index).collect()
}

/// Finds the columns of an index that names fields.
fn resolve(index: &NamedIndex, fields: &[Field]) -> Result<Index> {
    let mut columns = Vec::new();
    for name in &index.fields {
        let found = fields.iter().find(|field| plain(&field.ident) == name.text);
        let width = found.map(Field::width);
        match (found, width) {
            (Some(field), _) if columns.contains(&field.column) => {
                return Err(Error::new(
                    name.span,
                    format!("`{}` is in this index twice: leave one out", name.text),
                ));
            }
            (Some(field), Some(width @ 1..)) => columns.extend(field.column..field.column + width),
            (Some(field), _) => {
                let message = match field.role {
                    Role::Embedded(_) => {
                        "has several columns: write `#[column(index)]` in its struct, above one of them"
                    }
                    _ => "has no column: it is a collection",
                };
                return Err(Error::new(name.span, format!("`{}` {message}", name.text)));
            }
            _ => return Err(Error::new(name.span, no_such_field(&name.text, fields))),
        }
    }
    Ok(Index { name: index.name.clone(), columns, unique: index.unique })
}

fn no_such_field(name: &str, fields: &[Field]) -> String {
    let stored = fields.iter().filter(|field| !matches!(field.role, Role::HasMany(_) | Role::ManyToMany(_)));
    let stored: Vec<String> = stored.map(|field| plain(&field.ident)).collect();
    format!("no field `{name}`: an index names fields, here one of `{}`", stored.join("`, `"))
}

fn check_key(entity: &Entity) -> Result<()> {
    let name = plain(&entity.ident);
    let autos: Vec<Span> = entity.autos().collect();
    match (entity.key_columns().count(), autos.as_slice()) {
        (0, _) => Err(Error::new(
            entity.ident.span(),
            format!(
                "`{name}` has no key: write `#[key]` above the field that tells its rows apart, \
                 `#[key(auto)]` if the database assigns it"
            ),
        )),
        (_, [_, second, ..]) => Err(Error::new(
            *second,
            "a second `#[key(auto)]`: the database assigns one key, so write `auto` once and no other `#[key]`",
        )),
        (2.., [auto]) => Err(Error::new(
            *auto,
            "a key of several columns is never assigned by the database: leave `auto` out, or the other `#[key]`",
        )),
        (5.., _) => {
            let mut columns = 0;
            let fifth = entity.key().find(|field| {
                columns += field.width();
                columns > 4
            });
            let fifth = fifth.map_or(entity.ident.span(), |field| field.ident.span());
            Err(Error::new(fifth, "a key has four columns at most: leave one `#[key]` out"))
        }
        _ => check_key_is_together(entity),
    }
}

/// Relations are loaded by the key as one stretch of a row.
fn check_key_is_together(entity: &Entity) -> Result<()> {
    let parts: Vec<&Field> = entity.key().collect();
    match parts.windows(2).find(|pair| pair[0].column + pair[0].width() != pair[1].column) {
        Some(pair) => Err(Error::new(
            pair[1].ident.span(),
            format!(
                "the fields of a key stand together, so that it is read in one go: move `{}` up, below `{}`",
                plain(&pair[1].ident),
                plain(&pair[0].ident)
            ),
        )),
        None => Ok(()),
    }
}

fn check_version(entity: &Entity) -> Result<()> {
    let versions = entity.fields.iter().filter(|field| matches!(&field.role, Role::Value(v) if v.version));
    match versions.take(2).collect::<Vec<_>>().as_slice() {
        [first, second] => Err(Error::new(
            second.ident.span(),
            format!("a second `#[version]`: `{}` is the version already, leave one out", plain(&first.ident)),
        )),
        _ => Ok(()),
    }
}

/// Which of them are unset is told in 64 bits.
fn check_server_defaults(entity: &Entity) -> Result<()> {
    match entity.server_defaults().nth(64) {
        Some(field) => Err(Error::new(
            field.ident.span(),
            "more than 64 columns with `server_default`: write `default` for some of them",
        )),
        None => Ok(()),
    }
}

/// The columns of an embedded field are as many as the compiler knows, so that all others have their places before them.
fn check_embedded(entity: &Entity) -> Result<()> {
    let mut behind = entity.fields.iter().skip_while(|field| !matches!(field.role, Role::Embedded(_)));
    let embedded = behind.next().map(|field| plain(&field.ident)).unwrap_or_default();
    match behind.find(|field| field.width() > 0) {
        Some(field) => Err(Error::new(
            field.ident.span(),
            format!(
                "embedded fields stand behind all other columns: move `{}` up, above `{embedded}`",
                plain(&field.ident)
            ),
        )),
        None => Ok(()),
    }
}

/// Columns are looked at first: two of one name often have one constant too, and that is one mistake.
fn check_names(entity: &Entity) -> Result<()> {
    let mut columns: HashMap<String, &Field> = HashMap::new();
    for column in &entity.columns {
        let field = &entity.fields[column.field];
        if let Some(first) = columns.insert(column.name.text.to_lowercase(), field) {
            let (first, name) = (plain(&first.ident), &column.name.text);
            return Err(Error::new(
                column.name.span,
                format!("the column `{name}` is there already, for `{first}`: {}", rename(field)),
            ));
        }
    }
    let mut constants: HashMap<String, String> = HashMap::new();
    let of_columns = entity.columns.iter().map(|column| {
        let owner = format!("column `{}`", column.name.text);
        (column.constant.to_string(), column.name.span, owner)
    });
    let of_relations = entity.relations().map(|field| {
        let owner = format!("relation `{}`", plain(&field.ident));
        (constant_of_field(&field.ident), field.ident.span(), owner)
    });
    let of_embedded = entity.embedded().map(|(field, _)| {
        let owner = format!("embedded field `{}`", plain(&field.ident));
        (constant_of_field(&field.ident), field.ident.span(), owner)
    });
    for (constant, span, owner) in of_columns.chain(of_relations).chain(of_embedded) {
        let entity = plain(&entity.ident);
        if let Some(first) = constants.insert(constant.clone(), owner.clone()) {
            return Err(Error::new(
                span,
                format!(
                    "the constant `{entity}::{constant}` of this {owner} is taken by the {first}: rename one"
                ),
            ));
        }
    }
    Ok(())
}

fn rename(field: &Field) -> &'static str {
    match field.role {
        Role::BelongsTo(_) => {
            "leave that field out, or name another one with `#[belongs_to(column = \"..\")]`"
        }
        _ => "name another one with `#[column(name = \"..\")]`",
    }
}
