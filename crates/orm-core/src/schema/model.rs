//! The database's side of a schema: tables with their columns, keys and indexes, made from entities and checked.

use crate::dialect::Dialect;
use crate::entity::{ColumnMeta, EntityMeta, IndexMeta, LinkTable, OnDelete, RelationKind, RelationMeta};
use crate::error::{Error, Result};
use crate::stmt::hops;
use crate::types::{ColumnType, EnumType};

/// A table as it is created.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: Vec<TableColumn>,
    pub(super) key: Vec<&'static str>,
    pub(super) foreign_keys: Vec<ForeignKey>,
    pub(super) indexes: Vec<Index>,
}

#[derive(Debug)]
pub(super) struct TableColumn {
    pub(super) name: &'static str,
    pub(super) ty: ColumnType,
    pub(super) nullable: bool,
    pub(super) unique: bool,
    pub(super) default: Option<&'static str>,
    /// The expression by which the database computes it.
    pub(super) generated: Option<&'static str>,
    /// Whether the database assigns it.
    pub(super) auto_key: bool,
}

#[derive(Debug)]
pub(super) struct ForeignKey {
    pub(super) columns: Vec<&'static str>,
    pub(super) target: &'static str,
    pub(super) target_columns: Vec<&'static str>,
    pub(super) on_delete: Option<OnDelete>,
    /// Whether the rows follow a key that changes. A key that the database assigns does not.
    pub(super) follows: bool,
}

#[derive(Debug)]
pub(super) struct Index {
    pub(super) name: Option<&'static str>,
    pub(super) columns: Vec<&'static str>,
    pub(super) unique: bool,
}

/// The tables of these entities, then those of their links.
///
/// # Errors
/// See [`Schema::check`](super::Schema::check).
pub(super) fn tables(entities: &[&'static EntityMeta]) -> Result<Vec<Table>> {
    let mut tables = Vec::with_capacity(entities.len());
    for (at, entity) in entities.iter().enumerate() {
        if let Some(other) = entities[..at].iter().find(|other| other.table == entity.table) {
            return Err(Error::build(format!(
                "{} and {} are both stored in table {}: give one of them another name with `#[entity(table = \"..\")]`",
                other.name, entity.name, entity.table
            )));
        }
        tables.push(table(entity, entities)?);
    }
    check_enum_types(entities)?;
    let mut links: Vec<&'static RelationMeta> = Vec::new();
    for relation in entities.iter().flat_map(|entity| entity.relations) {
        let RelationKind::ManyToMany { through } = &relation.kind else { continue };
        check_names(relation, through)?;
        if let Some(entity) = through.entity {
            require(entities, entity(), &relation.path())?;
        }
        if let Some(entity) = entities.iter().find(|entity| entity.table == through.table) {
            check_link_entity(relation, through, entity)?;
        } else if let Some(other) = links.iter().find(|other| link(other).table == through.table) {
            check_sides(other, relation)?;
        } else {
            links.push(relation);
        }
    }
    tables.extend(links.into_iter().map(link_table));
    Ok(tables)
}

/// Refuses columns of types that the database has not.
pub(super) fn check_types(entities: &[&'static EntityMeta], dialect: &Dialect) -> Result<()> {
    let columns =
        entities.iter().flat_map(|entity| entity.columns.iter().map(move |column| (entity, column)));
    let array = columns.into_iter().find(|(_, column)| matches!(column.ty, ColumnType::Array(_)));
    match array.filter(|_| !dialect.arrays) {
        Some((entity, column)) => Err(Error::build(format!(
            "{}::{} is an array, which {} has not: use `Json<Vec<T>>`",
            entity.name, column.field, dialect.name
        ))),
        None => Ok(()),
    }
}

/// Two enums with one name are the same type of the database.
fn check_enum_types(entities: &[&'static EntityMeta]) -> Result<()> {
    let mut known: Vec<(&'static EnumType, String)> = Vec::new();
    for (entity, column) in
        entities.iter().flat_map(|entity| entity.columns.iter().map(move |column| (entity, column)))
    {
        let Some(ty) = column.ty.enum_type() else { continue };
        let path = format!("{}::{}", entity.name, column.field);
        match known.iter().find(|(other, _)| other.name == ty.name) {
            Some((other, _)) if *other == ty => {}
            Some((_, other)) => {
                return Err(Error::build(format!(
                    "{other} and {path} are of two enums that are both stored as type {}: give one of them another name \
                     with `#[sql_type(name = \"..\")]`",
                    ty.name
                )));
            }
            None => known.push((ty, path)),
        }
    }
    Ok(())
}

fn table(entity: &'static EntityMeta, entities: &[&'static EntityMeta]) -> Result<Table> {
    let mut columns: Vec<TableColumn> =
        entity.columns.iter().map(|column| table_column(entity, column)).collect();
    let mut foreign_keys = Vec::new();
    for relation in entity.relations {
        let target = (relation.target)();
        require(entities, target, &relation.path())?;
        // Also checks the number of columns.
        let hops = hops(relation)?;
        let RelationKind::BelongsTo { columns: own, on_delete, .. } = &relation.kind else { continue };
        let [hop] = &hops[..] else { continue };
        for (&at, key) in own.iter().zip(target.key_columns()) {
            columns[at].ty = key_type(target, key);
        }
        let nullable = own.iter().all(|&at| columns[at].nullable);
        check_set_null(&relation.path(), *on_delete, nullable)?;
        foreign_keys.push(ForeignKey {
            columns: own.iter().map(|&at| entity.columns[at].name).collect(),
            target: target.table,
            target_columns: hop.on.iter().map(|(column, _)| *column).collect(),
            on_delete: *on_delete,
            follows: !target.auto_key,
        });
    }
    for column in entity.columns {
        let Some(reference) = column.references else { continue };
        let (target, at) = ((reference.target)(), (reference.column)());
        let path = format!("{}::{}", entity.name, column.field);
        require(entities, target, &path)?;
        check_set_null(&path, reference.on_delete, column.nullable)?;
        check_unique(&path, target, at)?;
        foreign_keys.push(ForeignKey {
            columns: vec![column.name],
            target: target.table,
            target_columns: vec![target.columns[at].name],
            on_delete: reference.on_delete,
            follows: !(target.auto_key && target.key == [at]),
        });
    }
    let key: Vec<_> = entity.key_columns().map(|column| column.name).collect();
    Ok(Table { name: entity.table, columns, key, foreign_keys, indexes: indexes(entity) })
}

fn table_column(entity: &EntityMeta, column: &'static ColumnMeta) -> TableColumn {
    let is_key = entity.key.len() == 1 && entity.columns[entity.key[0]].name == column.name;
    TableColumn {
        name: column.name,
        ty: column.ty,
        nullable: column.nullable,
        // A key is unique by itself.
        unique: column.unique && !is_key,
        default: column.default,
        generated: column.generated,
        auto_key: is_key && entity.auto_key,
    }
}

/// The type of a column that refers to a key. A key that the database assigns is declared with 64 bits, whatever the
/// width of its field.
fn key_type(target: &EntityMeta, key: &ColumnMeta) -> ColumnType {
    if target.auto_key {
        return ColumnType::BigInt;
    }
    // A key that is a link itself has the type of the key that the link leads to.
    let led_to = target.relations.iter().find_map(|relation| {
        let RelationKind::BelongsTo { columns, .. } = relation.kind else { return None };
        let part = columns.iter().position(|&column| std::ptr::eq(&target.columns[column], key))?;
        let next = (relation.target)();
        Some(key_type(next, next.key_columns().nth(part)?))
    });
    led_to.unwrap_or(key.ty)
}

fn indexes(entity: &'static EntityMeta) -> Vec<Index> {
    let single = entity.columns.iter().filter(|column| column.index && !column.unique);
    let single = single.map(|column| Index { name: None, columns: vec![column.name], unique: false });
    let several = entity.indexes.iter().map(|index| Index {
        name: index.name,
        columns: index.columns.iter().map(|&at| entity.columns[at].name).collect(),
        unique: index.unique,
    });
    let mut indexes: Vec<Index> = single.chain(several).collect();
    // The other side of a `has_one`: two rows cannot lead to one.
    for relation in entity.relations.iter().filter(|relation| relation.is_one_to_one()) {
        let RelationKind::BelongsTo { columns, .. } = relation.kind else { continue };
        let is_unique = matches!(columns, [only] if entity.columns[*only].unique) || columns == entity.key;
        let columns: Vec<&'static str> = columns.iter().map(|&at| entity.columns[at].name).collect();
        match indexes.iter_mut().find(|index| index.columns == columns) {
            Some(index) => index.unique = true,
            None if is_unique => {}
            None => indexes.push(Index { name: None, columns, unique: true }),
        }
    }
    indexes
}

fn require(entities: &[&'static EntityMeta], target: &EntityMeta, path: &str) -> Result<()> {
    if entities.iter().any(|entity| entity.is(target)) {
        return Ok(());
    }
    Err(Error::build(format!(
        "{path} refers to {target}, which is not in the schema: add {target} to `schema![..]`",
        target = target.name
    )))
}

fn check_set_null(path: &str, on_delete: Option<OnDelete>, nullable: bool) -> Result<()> {
    if nullable || on_delete != Some(OnDelete::SetNull) {
        return Ok(());
    }
    Err(Error::build(format!(
        "{path} has `on_delete = set_null`, but its column is NOT NULL: make it an Option, or choose `cascade` or \
         `restrict`"
    )))
}

/// A reference has to mean one row.
fn check_unique(path: &str, target: &EntityMeta, at: usize) -> Result<()> {
    let alone = |index: &IndexMeta| index.unique && index.columns == [at];
    if target.key == [at] || target.columns[at].unique || target.indexes.iter().any(alone) {
        return Ok(());
    }
    Err(Error::build(format!(
        "{path} refers to {}.{}, which is neither the key nor unique: add `#[column(unique)]` there",
        target.name, target.columns[at].field
    )))
}

fn link(relation: &RelationMeta) -> &LinkTable {
    match &relation.kind {
        RelationKind::ManyToMany { through } => through,
        _ => unreachable!("only many-to-many relations are collected"),
    }
}

fn link_table(relation: &'static RelationMeta) -> Table {
    let through = link(relation);
    let sides = [(through.source, (relation.source)()), (through.target, (relation.target)())];
    let mut columns = Vec::new();
    for (names, entity) in sides {
        for (&name, key) in names.iter().zip(entity.key_columns()) {
            let ty = key_type(entity, key);
            columns.push(TableColumn {
                name,
                ty,
                nullable: false,
                unique: false,
                default: None,
                generated: None,
                auto_key: false,
            });
        }
    }
    let foreign_keys = sides.map(|(names, entity)| ForeignKey {
        columns: names.to_vec(),
        target: entity.table,
        target_columns: entity.key_columns().map(|column| column.name).collect(),
        on_delete: Some(OnDelete::Cascade),
        follows: !entity.auto_key,
    });
    Table {
        name: through.table,
        key: columns.iter().map(|column| column.name).collect(),
        columns,
        foreign_keys: foreign_keys.into(),
        // The key serves the way from the source; this one the way back, and deletes of targets.
        indexes: vec![Index { name: None, columns: through.target.to_vec(), unique: false }],
    }
}

fn check_names(relation: &RelationMeta, through: &LinkTable) -> Result<()> {
    match through.source.iter().find(|name| through.target.contains(name)) {
        Some(name) => Err(Error::build(format!(
            "{} has column {name} of table {} on both sides: name one for each side",
            relation.path(),
            through.table
        ))),
        None => Ok(()),
    }
}

/// Two relations on one table of links are the two sides of it, or the same side twice.
fn check_sides(first: &RelationMeta, second: &RelationMeta) -> Result<()> {
    let (a, b) = (link(first), link(second));
    let ends = |relation: &RelationMeta| ((relation.source)().table, (relation.target)().table);
    let ((a_source, a_target), (b_source, b_target)) = (ends(first), ends(second));
    let opposite = (a.source, a.target, a_source, a_target) == (b.target, b.source, b_target, b_source);
    let same = (a.source, a.target, a_source, a_target) == (b.source, b.target, b_source, b_target);
    if opposite || same {
        return Ok(());
    }
    Err(Error::build(format!(
        "{} and {} use table {} differently: one has {} -> {}, the other {} -> {}; name the same columns on both \
         sides, or give one another table",
        first.path(),
        second.path(),
        a.table,
        a.source.join(", "),
        a.target.join(", "),
        b.source.join(", "),
        b.target.join(", ")
    )))
}

/// A table of links that is an entity too is created as that entity; it must have the columns.
fn check_link_entity(relation: &RelationMeta, through: &LinkTable, entity: &EntityMeta) -> Result<()> {
    match through.source.iter().chain(through.target).find(|name| entity.column(name).is_none()) {
        Some(missing) => Err(Error::build(format!(
            "{} goes through table {}, which is entity {}, but that has no column {missing}",
            relation.path(),
            through.table,
            entity.name
        ))),
        None => Ok(()),
    }
}
