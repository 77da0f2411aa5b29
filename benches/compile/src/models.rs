//! Fifty entities of twelve columns and one query, as the guide of each library says.

use std::fmt::Write as _;

pub(crate) const ENTITIES: usize = 50;

/// The columns behind the key, by their types in Rust and in Diesel's schema.
pub(crate) const COLUMNS: [(&str, &str, &str); 11] = [
    ("name", "String", "Text"),
    ("email", "String", "Text"),
    ("age", "Option<i32>", "Nullable<Integer>"),
    ("height", "f64", "Double"),
    ("weight", "Option<f64>", "Nullable<Double>"),
    ("active", "bool", "Bool"),
    ("visits", "i64", "BigInt"),
    ("points", "i32", "Integer"),
    ("note", "Option<String>", "Nullable<Text>"),
    ("picture", "Vec<u8>", "Binary"),
    ("created", "i64", "BigInt"),
];

pub(crate) fn anyorm() -> String {
    let mut out = "#![allow(dead_code)]\nuse anyorm::prelude::*;\n".to_owned();
    for at in 0..ENTITIES {
        let _ = writeln!(
            out,
            "\n#[derive(Clone, Debug, Default, Entity)]\n#[entity(table = \"things_{at}\")]\nstruct Thing{at} {{"
        );
        out += "    #[key(auto)]\n    id: i64,\n";
        for (name, ty, _) in COLUMNS {
            let _ = writeln!(out, "    {name}: {ty},");
        }
        out += "}\n";
    }
    out + "\nfn main() {\n    let query = Thing0::select().filter(Thing0::AGE.ge(18)).order_by(Thing0::NAME).limit(20);\n    \
           println!(\"{query:?}\");\n}\n"
}

pub(crate) fn diesel() -> String {
    let mut out = "#![allow(dead_code)]\nuse diesel::prelude::*;\n".to_owned();
    for at in 0..ENTITIES {
        let _ = writeln!(out, "\ndiesel::table! {{\n    things_{at} (id) {{\n        id -> BigInt,");
        for (name, _, ty) in COLUMNS {
            let _ = writeln!(out, "        {name} -> {ty},");
        }
        let _ = writeln!(
            out,
            "    }}\n}}\n\n#[derive(Clone, Debug, Default, Queryable, Selectable, Identifiable, AsChangeset, Insertable)]\n\
             #[diesel(table_name = things_{at})]\nstruct Thing{at} {{\n    id: i64,"
        );
        for (name, ty, _) in COLUMNS {
            let _ = writeln!(out, "    {name}: {ty},");
        }
        out += "}\n";
    }
    out + "\nfn main() {\n    let query = things_0::table.filter(things_0::age.ge(18)).order(things_0::name.asc()).limit(20)\n        \
           .select(Thing0::as_select());\n    println!(\"{}\", diesel::debug_query::<diesel::sqlite::Sqlite, _>(&query));\n}\n"
}

pub(crate) fn sea_orm() -> String {
    let mut out = "#![allow(dead_code)]\n".to_owned();
    for at in 0..ENTITIES {
        let _ = writeln!(
            out,
            "\nmod thing_{at} {{\n    use sea_orm::entity::prelude::*;\n\n    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]\n    \
             #[sea_orm(table_name = \"things_{at}\")]\n    pub struct Model {{\n        #[sea_orm(primary_key)]\n        pub id: i64,"
        );
        for (name, ty, _) in COLUMNS {
            let _ = writeln!(out, "        pub {name}: {ty},");
        }
        out += "    }\n\n    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]\n    pub enum Relation {}\n\n    \
                impl ActiveModelBehavior for ActiveModel {}\n}\n";
    }
    out + "\nfn main() {\n    use sea_orm::{DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait, ColumnTrait};\n    \
           let query = thing_0::Entity::find().filter(thing_0::Column::Age.gte(18)).order_by_asc(thing_0::Column::Name).limit(20);\n    \
           println!(\"{}\", query.build(DbBackend::Sqlite));\n}\n"
}
