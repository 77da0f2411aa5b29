//! The entities of these tests, written out as the derive would, without relation fields in the structs.

use std::any::Any;

use orm_core::entity::{
    ColumnMeta, IndexMeta, LinkTable, Members, OnDelete, Reference, RelationKind, RelationMeta,
};
use orm_core::relation::{Many, ManyThrough, One, OneOrNone};
use orm_core::{Cells, ColumnType, Entity, Json, Relation, ValueRef};

/// A column that is nothing but its name and type.
pub(crate) const fn plain(name: &'static str, ty: ColumnType, nullable: bool) -> ColumnMeta {
    ColumnMeta {
        name,
        field: name,
        ty,
        nullable,
        unique: false,
        index: false,
        default: None,
        generated: None,
        references: None,
    }
}

/// What the session would put there.
pub(crate) fn no_arena() -> Box<dyn Any + Send> {
    Box::new(())
}

macro_rules! entity {
    (
        $name:ident $table:literal key $key_type:ty = $key:tt $(auto $auto:literal)?;
        columns { $($at:literal $constant:ident $field:ident: $type:ty $({ $($option:ident: $value:expr),* })?;)* }
        $(extra { $($meta_field:ident: $meta_value:expr),* $(,)? })?
        relations [ $($relation:expr),* $(,)? ]
    ) => {
        #[derive(Clone, Debug, Default, PartialEq)]
        pub(crate) struct $name {
            $(pub(crate) $field: $type,)*
        }

        const _: () = {
        use super::entities::support::*;

        #[allow(dead_code, reason = "not every column is in a test")]
        impl $name {
            $(pub(crate) const $constant: Column<$name, $type> = Column::new($at);)*
        }

        impl Entity for $name {
            type Key = $key_type;

            fn meta() -> &'static EntityMeta {
                static COLUMNS: &[ColumnMeta] = &[$(ColumnMeta {
                    $($($option: $value,)*)?
                    ..plain(stringify!($field), <$type as SqlType>::TYPE, <$type as SqlType>::NULLABLE)
                }),*];
                static TEXTS: EntityTexts = EntityTexts::new();
                static META: EntityMeta = EntityMeta {
                    $($($meta_field: $meta_value,)*)?
                    ..EntityMeta {
                        name: stringify!($name),
                        table: $table,
                        columns: COLUMNS,
                        key: &$key,
                        auto_key: false $(|| $auto)?,
                        version: None,
                        version_kind: VersionKind::Counter,
                        server_defaults: &[],
                        generated: &[],
                        indexes: &[],
                        relations: &[$($relation),*],
                        index: EntityIndex::new(),
                        texts: &TEXTS,
                        arena: no_arena,
                    }
                };
                &META
            }

            fn key(&self) -> Option<Self::Key> {
                let mut cells = Cells::default();
                for &column in Self::meta().key {
                    self.encode(column, &mut cells);
                }
                if Self::meta().auto_key && cells.value(0) == ValueRef::Int(0) {
                    return None;
                }
                Key::decode(&Row::new(&CellRow(cells)), 0).ok()
            }

            fn decode(row: &Row<'_>) -> Result<Self, ColumnError> {
                Ok(Self { $($field: row.get($at)?),* })
            }

            fn encode(&self, column: usize, cells: &mut Cells) {
                match column {
                    $($at => SqlType::encode(&self.$field, cells),)*
                    _ => unreachable!("no column {column}"),
                }
            }

            fn assign(&mut self, _column: usize, _value: ValueRef<'_>) -> Result<(), ColumnError> {
                unreachable!("only a session assigns")
            }

            fn link(&self, _relation: usize) -> Link<'_> {
                unreachable!("only a session asks for links")
            }

            fn link_mut(&mut self, _relation: usize) -> LinkMut<'_> {
                unreachable!("only a session asks for links")
            }
        }
        };
    };
}

pub(crate) use entity;

/// What the macro names.
pub(crate) mod support {
    pub(crate) use orm_core::entity::{ColumnMeta, EntityIndex, EntityMeta, EntityTexts, Key, VersionKind};
    pub(crate) use orm_core::relation::{Link, LinkMut};
    pub(crate) use orm_core::{Cells, Column, ColumnError, Entity, Row, SqlType, ValueRef};

    pub(crate) use super::{CellRow, no_arena, plain};
}

/// A row made of parameters.
pub(crate) struct CellRow(pub(crate) Cells);

impl orm_core::RowSource for CellRow {
    fn width(&self) -> usize {
        self.0.len()
    }

    fn value(&self, index: usize) -> ValueRef<'_> {
        self.0.value(index)
    }

    fn name(&self, index: usize) -> String {
        index.to_string()
    }
}

entity! {
    User "users" key i64 = [0] auto true;
    columns {
        0 ID id: i64;
        1 EMAIL email: String { unique: true };
        2 NAME name: String;
        3 AGE age: Option<i32>;
        4 ACTIVE active: bool { default: Some("1") };
    }
    relations [
        RelationMeta {
            name: "posts", source: User::meta, target: Post::meta, position: 0,
            kind: RelationKind::HasMany { inverse: || &Post::meta().relations[0] },
            members: Members::PLAIN,
        },
    ]
}

impl User {
    pub(crate) const POSTS: Relation<User, Post, Many> = Relation::new(User::meta, 0);
}

entity! {
    Post "posts" key i64 = [0] auto true;
    columns {
        0 ID id: i64;
        1 TITLE title: String;
        2 AUTHOR_ID author_id: i64 { index: true };
        3 EDITOR_ID editor_id: Option<i64>;
        4 RATING rating: f64;
        5 DETAILS details: Option<Json<Vec<i32>>>;
        6 VERSION version: i64;
    }
    extra {
        version: Some(6),
        indexes: &[IndexMeta { name: Some("posts_by_title"), columns: &[2, 1], unique: true }],
    }
    relations [
        RelationMeta {
            name: "author", source: Post::meta, target: User::meta, position: 0,
            kind: RelationKind::BelongsTo { columns: &[2], nullable: false, on_delete: Some(OnDelete::Cascade) },
            members: Members::PLAIN,
        },
        RelationMeta {
            name: "editor", source: Post::meta, target: User::meta, position: 1,
            kind: RelationKind::BelongsTo { columns: &[3], nullable: true, on_delete: Some(OnDelete::SetNull) },
            members: Members::PLAIN,
        },
        RelationMeta {
            name: "tags", source: Post::meta, target: Tag::meta, position: 2,
            kind: RelationKind::ManyToMany { through: POST_TAGS },
            members: Members::PLAIN,
        },
    ]
}

pub(crate) const POST_TAGS: LinkTable =
    LinkTable { table: "post_tags", source: &["post_id"], target: &["tag_id"], entity: None };

impl Post {
    pub(crate) const AUTHOR: Relation<Post, User, One> = Relation::new(Post::meta, 0);
    pub(crate) const EDITOR: Relation<Post, User, OneOrNone> = Relation::new(Post::meta, 1);
    pub(crate) const TAGS: Relation<Post, Tag, ManyThrough> = Relation::new(Post::meta, 2);
}

entity! {
    Tag "tags" key i64 = [0] auto true;
    columns {
        0 ID id: i64;
        1 NAME name: String { unique: true };
    }
    relations [
        RelationMeta {
            name: "posts", source: Tag::meta, target: Post::meta, position: 0,
            kind: RelationKind::ManyToMany {
                through: LinkTable { table: "post_tags", source: &["tag_id"], target: &["post_id"], entity: None },
            },
            members: Members::PLAIN,
        },
    ]
}

entity! {
    // Nothing but a key that the database assigns.
    Ticket "tickets" key i64 = [0] auto true;
    columns {
        0 ID id: i64;
    }
    relations []
}

entity! {
    Order "orders" key (i64, i64) = [0, 1];
    columns {
        0 REGION region: i64;
        1 NUMBER number: i64;
        2 NOTE note: Option<String>;
        3 CUSTOMER customer: Option<i64> {
            references: Some(Reference { target: User::meta, column: || 0, on_delete: Some(OnDelete::Restrict) })
        };
    }
    relations []
}

entity! {
    Item "order_items" key (i64, i64, i64) = [0, 1, 2];
    columns {
        0 REGION region: i64;
        1 NUMBER number: i64;
        2 LINE line: i64;
        3 PRICE price: i64;
    }
    relations [
        RelationMeta {
            name: "order", source: Item::meta, target: Order::meta, position: 0,
            kind: RelationKind::BelongsTo { columns: &[0, 1], nullable: false, on_delete: None },
            members: Members::PLAIN,
        },
    ]
}

impl Item {
    pub(crate) const ORDER: Relation<Item, Order, One> = Relation::new(Item::meta, 0);
}

entity! {
    Numbered "things" key i64 = [0];
    columns {
        0 ID id: i64;
    }
    relations []
}

entity! {
    // Called as an alias of the one before would be.
    NumberedOne "things_1" key i64 = [0];
    columns {
        0 ID id: i64;
    }
    relations []
}
