//! The checked entity: what the parser hands to the expansion. Types are tokens that keep the user's spans.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

/// An entity.
pub(crate) struct Entity {
    pub(crate) ident: Ident,
    /// The struct's visibility, which its constants share.
    pub(crate) visibility: TokenStream,
    /// The module of the facade that generated code may name.
    pub(crate) support: TokenStream,
    pub(crate) table: String,
    pub(crate) fields: Vec<Field>,
    /// All columns, in the order of the fields.
    pub(crate) columns: Vec<Column>,
    pub(crate) indexes: Vec<Index>,
}

impl Entity {
    /// The fields that are the key: plain ones, and links.
    pub(crate) fn key(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| match &field.role {
            Role::Value(value) => value.key.is_some(),
            Role::BelongsTo(relation) => relation.key,
            Role::Embedded(_) | Role::HasMany(_) | Role::ManyToMany(_) => false,
        })
    }

    /// The columns of the key.
    pub(crate) fn key_columns(&self) -> impl Iterator<Item = usize> {
        self.key().flat_map(|field| field.column..field.column + field.width())
    }

    /// The parts of the key that are made before the entity is stored.
    pub(crate) fn made_keys(&self) -> impl Iterator<Item = (&Field, UuidVersion)> {
        self.values().filter_map(|(field, value)| Some((field, value.key.as_ref()?.uuid?.0)))
    }

    /// Where `auto` stands.
    pub(crate) fn autos(&self) -> impl Iterator<Item = Span> {
        self.key().filter_map(|field| match &field.role {
            Role::Value(value) => value.key.as_ref()?.auto,
            _ => None,
        })
    }

    /// Whether the database assigns the key.
    pub(crate) fn auto_key(&self) -> bool {
        self.autos().next().is_some()
    }

    /// The column of the optimistic lock.
    pub(crate) fn version(&self) -> Option<usize> {
        let field = self.fields.iter().find(|field| matches!(&field.role, Role::Value(v) if v.version))?;
        Some(field.column)
    }

    /// Whether the optimistic lock is a time.
    pub(crate) fn has_timestamp(&self) -> bool {
        self.values().any(|(_, value)| value.version && value.timestamp)
    }

    /// The fields whose default the database gives while they are unset.
    pub(crate) fn server_defaults(&self) -> impl Iterator<Item = &Field> {
        self.values().filter(|(_, value)| value.server_default).map(|(field, _)| field)
    }

    /// The fields that the database computes.
    pub(crate) fn generated(&self) -> impl Iterator<Item = &Field> {
        self.values().filter(|(_, value)| value.generated.is_some()).map(|(field, _)| field)
    }

    fn values(&self) -> impl Iterator<Item = (&Field, &Value)> {
        self.fields.iter().filter_map(|field| match &field.role {
            Role::Value(value) => Some((field, value)),
            _ => None,
        })
    }

    /// The relation fields, in order: the order of their positions.
    pub(crate) fn relations(&self) -> impl Iterator<Item = &Field> {
        self.fields.iter().filter(|field| !matches!(field.role, Role::Value(_) | Role::Embedded(_)))
    }

    /// The embedded fields, whose columns come behind all others.
    pub(crate) fn embedded(&self) -> impl Iterator<Item = (&Field, &Embedded)> {
        self.fields.iter().filter_map(|field| match &field.role {
            Role::Embedded(embedded) => Some((field, embedded)),
            _ => None,
        })
    }

    /// The position of the first column of an embedded field: only the compiler knows how many come before.
    pub(crate) fn first_of(&self, field: &Field) -> TokenStream {
        let own = self.columns.len();
        let before = self.embedded().map(|(other, _)| other).take_while(|other| !std::ptr::eq(*other, field));
        let before = before.map(|other| self.embedded_type(other));
        quote!(#own #(+ #before::WIDTH)*)
    }

    /// An embedded field's type as that, at its place: what it lacks is told there, and once.
    pub(crate) fn embedded_type(&self, field: &Field) -> TokenStream {
        let ty = &field.ty;
        let support = self.support.clone().into_iter().map(|mut token| {
            token.set_span(token.span().located_at(ty.span()));
            token
        });
        let support: TokenStream = support.collect();
        quote_spanned!(ty.span()=> <#ty as #support::Embedded>)
    }
}

/// A field of the struct.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) ty: TokenStream,
    /// The position of its first column; without meaning for a collection.
    pub(crate) column: usize,
    pub(crate) role: Role,
}

impl Field {
    /// How many columns it has.
    pub(crate) fn width(&self) -> usize {
        match &self.role {
            Role::Value(_) => 1,
            Role::BelongsTo(relation) => relation.columns.len(),
            // Those of an embedded field are counted by the compiler.
            Role::Embedded(_) | Role::HasMany(_) | Role::ManyToMany(_) => 0,
        }
    }
}

/// What a field is.
pub(crate) enum Role {
    Value(Value),
    Embedded(Embedded),
    BelongsTo(BelongsTo),
    HasMany(HasMany),
    ManyToMany(ManyToMany),
}

/// A struct whose fields are columns.
pub(crate) struct Embedded {
    /// What stands before their names.
    pub(crate) prefix: String,
}

/// A plain column.
#[derive(Default)]
pub(crate) struct Value {
    pub(crate) name: Option<Name>,
    pub(crate) key: Option<KeyOption>,
    pub(crate) version: bool,
    /// Whether the version is a time.
    pub(crate) timestamp: bool,
    pub(crate) unique: bool,
    pub(crate) index: bool,
    pub(crate) default: Option<DefaultValue>,
    /// Whether the default is left to the database while the field is unset.
    pub(crate) server_default: bool,
    /// The expression by which the database computes the column.
    pub(crate) generated: Option<Name>,
    pub(crate) references: Option<TokenStream>,
    pub(crate) on_delete: Option<OnDelete>,
    /// Whether the field must be an integer and its type's name does not tell.
    pub(crate) integer_guard: Option<&'static str>,
    /// The same for a time in microseconds.
    pub(crate) timestamp_guard: Option<&'static str>,
    /// The same for a UUID.
    pub(crate) uuid_guard: Option<&'static str>,
}

impl Value {
    pub(crate) fn is_auto(&self) -> bool {
        self.key.as_ref().is_some_and(|key| key.auto.is_some())
    }
}

/// A DEFAULT.
pub(crate) struct DefaultValue {
    pub(crate) sql: String,
    /// Where the option stands.
    pub(crate) span: Span,
    /// The literal it was written as, if it was.
    pub(crate) literal: Option<(Literal, Span)>,
}

/// The kinds of literal that a default can be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Literal {
    Integer,
    Float,
    Bool,
    Text,
}

/// The options of `#[key]`.
pub(crate) struct KeyOption {
    /// Where `auto` stands.
    pub(crate) auto: Option<Span>,
    /// The version of the UUID that is made for it where it is unset, and where that is said.
    pub(crate) uuid: Option<(UuidVersion, Span)>,
}

/// How a UUID is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum UuidVersion {
    /// At random.
    V4,
    /// By the time, so that those made later are larger.
    V7,
}

/// A relation to one, with its foreign key.
pub(crate) struct BelongsTo {
    /// The entity, or `Option` of one.
    pub(crate) target: TokenStream,
    /// The columns, as the attribute names them or by default.
    pub(crate) columns: Vec<Name>,
    pub(crate) on_delete: Option<OnDelete>,
    pub(crate) unique: bool,
    /// As the attribute says it; where it does not, the check of all fields does.
    pub(crate) index: Option<bool>,
    /// Whether it is the key of the entity, or a part of it.
    pub(crate) key: bool,
}

/// The other side of a `belongs_to`.
pub(crate) struct HasMany {
    pub(crate) target: TokenStream,
    /// The path of the other side's constant.
    pub(crate) inverse: TokenStream,
    /// Whether it is a `has_one`.
    pub(crate) one: bool,
    pub(crate) members: Members,
}

/// What an attribute says of the members of a collection.
#[derive(Default)]
pub(crate) struct Members {
    pub(crate) delete_orphan: bool,
    pub(crate) order: Vec<MemberOrder>,
    /// The path of the column that holds their places.
    pub(crate) position: Option<TokenStream>,
}

/// A column that members are ordered by.
pub(crate) struct MemberOrder {
    /// The path of its constant.
    pub(crate) column: TokenStream,
    pub(crate) descending: bool,
}

/// A relation by a table of pairs.
pub(crate) struct ManyToMany {
    pub(crate) target: TokenStream,
    /// The name of the table, or of the entity that is stored in it, for messages.
    pub(crate) through: String,
    /// That entity, where it is named rather than the table.
    pub(crate) through_entity: Option<TokenStream>,
    pub(crate) from: Vec<Name>,
    pub(crate) to: Vec<Name>,
    pub(crate) members: Members,
}

/// A text with its place in the source.
#[derive(Clone)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Span,
}

/// `cascade`, `set_null` or `restrict`.
pub(crate) struct OnDelete {
    /// The variant of the metadata's enum.
    pub(crate) variant: &'static str,
    pub(crate) span: Span,
}

/// One column of the table.
pub(crate) struct Column {
    pub(crate) name: Name,
    /// The field it belongs to, by position.
    pub(crate) field: usize,
    /// Its position in the field's foreign key; 0 for a plain column.
    pub(crate) part: usize,
    pub(crate) constant: Ident,
}

/// An index over several columns.
pub(crate) struct Index {
    pub(crate) name: Option<String>,
    pub(crate) columns: Vec<usize>,
    pub(crate) unique: bool,
}
