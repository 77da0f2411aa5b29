//! The static metadata.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;

use super::at;
use crate::model::{
    BelongsTo, Column, Entity, Field, Index, ManyToMany, Members, Name, OnDelete, Role, Value,
};
use crate::names::plain;

/// The body of `Entity::meta`.
pub(super) fn meta(entity: &Entity) -> TokenStream {
    let Entity { ident, support, table, .. } = entity;
    let name = plain(ident);
    let (all_columns, columns) = columns(entity);
    let key = entity.key_columns();
    let auto_key = entity.auto_key();
    let version = option(entity.version().map(|at| quote!(#at)));
    let kind = if entity.has_timestamp() { quote!(Timestamp) } else { quote!(Counter) };
    let server_defaults = entity.server_defaults().map(|field| field.column);
    let generated = entity.generated().map(|field| field.column);
    let indexes = entity.indexes.iter().map(|index| index_meta(entity, index));
    let relations = entity.relations().enumerate().map(|(at, field)| relation_meta(entity, at, field));
    quote! {
        #all_columns
        static TEXTS: #support::EntityTexts = #support::EntityTexts::new();
        static META: #support::EntityMeta = #support::EntityMeta {
            name: #name,
            table: #table,
            columns: #columns,
            key: &[#(#key),*],
            auto_key: #auto_key,
            version: #version,
            version_kind: #support::VersionKind::#kind,
            server_defaults: &[#(#server_defaults),*],
            generated: &[#(#generated),*],
            indexes: &[#(#indexes),*],
            relations: &[#(#relations),*],
            index: #support::EntityIndex::new(),
            texts: &TEXTS,
            arena: #support::new_arena::<#ident>,
        };
        &META
    }
}

/// What stands before the metadata, and the columns in it: where structs are embedded, their columns behind the entity's own.
fn columns(entity: &Entity) -> (TokenStream, TokenStream) {
    let support = &entity.support;
    let own = entity.columns.iter().map(|column| column_meta(entity, column));
    let own = quote!(&[#(#own),*]);
    let count = entity.columns.len();
    let (mut labels, mut widths, mut parts) = (TokenStream::new(), Vec::new(), Vec::new());
    for (at, (field, embedded)) in entity.embedded().enumerate() {
        let (prefix, way) = (&embedded.prefix, format!("{}.", plain(&field.ident)));
        let (ty, name) = (entity.embedded_type(field), format_ident!("LABELS_{at}"));
        labels.extend(quote! {
            static #name: [#support::Label; #ty::WIDTH] = #support::labels(#prefix, #way, #ty::COLUMNS);
        });
        widths.push(quote!(#ty::WIDTH));
        parts.push(quote!((#ty::COLUMNS, &#name)));
    }
    if parts.is_empty() {
        return (TokenStream::new(), own);
    }
    let joined = quote! {
        #labels
        const OWN: &[#support::ColumnMeta] = #own;
        static COLUMNS: [#support::ColumnMeta; #count #(+ #widths)*] =
            #support::joined_columns(OWN, &[#(#parts),*]);
    };
    (joined, quote!(&COLUMNS))
}

fn column_meta(entity: &Entity, column: &Column) -> TokenStream {
    let support = &entity.support;
    let field = &entity.fields[column.field];
    let (name, of_field) = (&column.name.text, plain(&field.ident));
    let rest = match &field.role {
        Role::BelongsTo(relation) => link_column(entity, relation, column.part),
        Role::Value(value) => value_column(entity, field, value),
        Role::Embedded(_) | Role::HasMany(_) | Role::ManyToMany(_) => return TokenStream::new(),
    };
    quote!(#support::ColumnMeta { name: #name, field: #of_field, #rest })
}

fn value_column(entity: &Entity, field: &Field, value: &Value) -> TokenStream {
    let support = &entity.support;
    let ty = &field.ty;
    let Value { unique, index, .. } = value;
    let default = option(value.default.as_ref().map(|default| {
        let sql = &default.sql;
        quote!(#sql)
    }));
    let generated = option(value.generated.as_ref().map(|expression| {
        let sql = &expression.text;
        quote!(#sql)
    }));
    let references = option(value.references.as_ref().map(|path| {
        let on_delete = on_delete(entity, value.on_delete.as_ref());
        let placed = at(path.span(), support);
        let checked = quote_spanned!(path.span()=> #placed::referenced::<#ty, _, _>(#path).0);
        quote! {
            #support::Reference {
                target: || #checked,
                column: || #path.position(),
                on_delete: #on_delete,
            }
        }
    }));
    quote! {
        ty: <#ty as #support::SqlType>::TYPE,
        nullable: <#ty as #support::SqlType>::NULLABLE,
        unique: #unique,
        index: #index,
        default: #default,
        generated: #generated,
        references: #references,
    }
}

fn link_column(entity: &Entity, relation: &BelongsTo, part: usize) -> TokenStream {
    let support = &entity.support;
    let target = &relation.target;
    let alone = relation.columns.len() == 1;
    // A unique column has an index by that alone.
    let (unique, index) =
        (alone && relation.unique, alone && relation.index == Some(true) && !relation.unique);
    quote! {
        ty: #support::part_type::<<<#target as #support::Target>::Entity as #support::Entity>::Key>(#part),
        nullable: <#target as #support::Target>::NULLABLE,
        unique: #unique,
        index: #index,
        default: ::core::option::Option::None,
        generated: ::core::option::Option::None,
        references: ::core::option::Option::None,
    }
}

fn index_meta(entity: &Entity, index: &Index) -> TokenStream {
    let support = &entity.support;
    let Index { columns, unique, .. } = index;
    let name = option(index.name.as_ref().map(|name| quote!(#name)));
    quote!(#support::IndexMeta { name: #name, columns: &[#(#columns),*], unique: #unique })
}

fn relation_meta(entity: &Entity, position: usize, field: &Field) -> TokenStream {
    let Entity { ident, support, .. } = entity;
    let name = plain(&field.ident);
    let plain_members = || quote!(#support::Members::PLAIN);
    let (target, kind, members) = match &field.role {
        Role::BelongsTo(relation) => {
            let target = &relation.target;
            let columns = (0..relation.columns.len()).map(|part| field.column + part);
            let on_delete = on_delete(entity, relation.on_delete.as_ref());
            let kind = quote! {
                #support::RelationKind::BelongsTo {
                    columns: &[#(#columns),*],
                    nullable: <#target as #support::Target>::NULLABLE,
                    on_delete: #on_delete,
                }
            };
            (quote!(<#target as #support::Target>::Entity), kind, plain_members())
        }
        Role::HasMany(relation) => {
            let (target, inverse) = (&relation.target, &relation.inverse);
            let inverse = quote!(|| #support::inverse_of::<#ident, #target>(#inverse));
            let members = members(entity, target, &relation.members, relation.one);
            (quote!(#target), quote!(#support::RelationKind::HasMany { inverse: #inverse }), members)
        }
        Role::ManyToMany(relation) => {
            let members = members(entity, &relation.target, &relation.members, false);
            (relation.target.clone(), many_to_many(entity, relation), members)
        }
        Role::Value(_) | Role::Embedded(_) => return TokenStream::new(),
    };
    quote! {
        #support::RelationMeta {
            name: #name,
            source: <#ident as #support::Entity>::meta,
            target: <#target as #support::Entity>::meta,
            position: #position,
            kind: #kind,
            members: #members,
        }
    }
}

fn members(entity: &Entity, target: &TokenStream, members: &Members, one: bool) -> TokenStream {
    let support = &entity.support;
    let Members { delete_orphan, order, position } = members;
    let order = order.iter().map(|term| {
        let (column, descending) = (&term.column, term.descending);
        let placed = at(column.span(), support);
        let checked = quote_spanned!(column.span()=> #placed::member_column::<#target, _>(#column));
        quote!(#support::MemberOrder { column: || #checked, descending: #descending })
    });
    let position = option(position.as_ref().map(|column| {
        let placed = at(column.span(), support);
        quote_spanned!(column.span()=> || #placed::member_position::<#target, _>(#column))
    }));
    quote! {
        #support::Members {
            one: #one,
            delete_orphan: #delete_orphan,
            order: &[#(#order),*],
            position: #position,
        }
    }
}

fn many_to_many(entity: &Entity, relation: &ManyToMany) -> TokenStream {
    let support = &entity.support;
    let (table, link_entity) = match &relation.through_entity {
        None => {
            let table = &relation.through;
            (quote!(#table), option(None))
        }
        Some(path) => (
            quote!(<#path as #support::Entity>::TABLE),
            option(Some(quote!(<#path as #support::Entity>::meta))),
        ),
    };
    let text = |name: &Name| name.text.clone();
    let (from, to) = (relation.from.iter().map(text), relation.to.iter().map(text));
    quote! {
        #support::RelationKind::ManyToMany {
            through: #support::LinkTable {
                table: #table,
                source: &[#(#from),*],
                target: &[#(#to),*],
                entity: #link_entity,
            },
        }
    }
}

fn on_delete(entity: &Entity, written: Option<&OnDelete>) -> TokenStream {
    let support = &entity.support;
    option(written.map(|on_delete| {
        let variant = format_ident!("{}", on_delete.variant);
        quote!(#support::OnDelete::#variant)
    }))
}

fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
