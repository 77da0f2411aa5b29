//! The macros of anyorm: [`Entity`](macro@Entity) makes a struct a row of a table, [`FromRow`](macro@FromRow) makes one what a
//! query answers, [`SqlType`](macro@SqlType) makes a struct around one value a column type, [`DbEnum`](macro@DbEnum) an enum; and
//! the work of `sql!` is done here.
//!
//! Users reach them through the facade crate `anyorm`; the code they make names only `::anyorm::__derive`, or the same
//! module of the crate that `#[entity(crate = path)]` names.
//!
//! How to read this crate: `parse` turns the syntax into the checked `model` and collects mistakes with their
//! tokens; `expand` turns the model into code. What only the compiler knows (is this alias an integer? has that key
//! two columns?) is checked by constants whose evaluation fails at the user's token.

mod commas;
mod embedded;
mod enumeration;
mod expand;
mod model;
mod names;
mod newtype;
mod parse;
mod row;
mod sql;

use proc_macro::TokenStream;
use syn::{Data, DeriveInput, parse_macro_input};

/// Makes a struct with named fields an entity: a row of a table.
///
/// ```
/// use anyorm::prelude::*;
///
/// #[derive(Clone, Debug, Default, Entity)]
/// #[entity(table = "users")]
/// struct User {
///     #[key(auto)]
///     id: i64,
///     #[column(unique)]
///     email: String,
///     age: Option<i32>,
///     #[has_many(Post::AUTHOR)]
///     posts: HasMany<Post>,
/// }
///
/// #[derive(Clone, Debug, Default, Entity)]
/// #[entity(table = "posts")]
/// struct Post {
///     #[key(auto)]
///     id: i64,
///     title: String,
///     #[belongs_to(on_delete = cascade)]
///     author: BelongsTo<User>,
/// }
///
/// // Constants: one for each column, one for each relation.
/// assert_eq!(User::EMAIL.meta().name, "email");
/// assert_eq!(Post::AUTHOR_ID.meta().name, "author_id");
/// assert_eq!(User::POSTS.meta().path(), "User::posts");
/// // The type's default means "not yet" where the database assigns the key.
/// assert_eq!(User::default().key(), None);
/// assert_eq!(User { id: 7, ..User::default() }.key(), Some(7));
/// ```
///
/// The struct needs `Clone`; `Default` is convenient. It has no type parameters or lifetimes.
///
/// # On the struct: `#[entity(..)]`
///
/// | option | meaning |
/// |---|---|
/// | `table = "users"` | the table; by default the struct's name in snake case, without a plural: `WorkOrder` is `work_order` |
/// | `index("city", "street")` | an index over the columns of these fields, in this order; may be given several times |
/// | `unique("city", "street")` | the same, and no two rows may agree in all of them |
/// | `index(name = "by_city", "city")` | with a name of its own; for `unique` too |
/// | `crate = path` | where the facade is, if not at `::anyorm` |
///
/// # On a field: its column
///
/// A field without a relation is a column of the field's name. It is nullable if its type is an `Option`. Its type
/// implements [`SqlType`](macro@SqlType): integers from `i8` to `i64` and from `u8` to `u64`, `f32`, `f64`, `bool`,
/// `String`, `Vec<u8>`, `Json<T>`, `Timestamp`, `SystemTime`, `Numeric`, `IpAddr`, `IpNetwork`, with cargo features
/// `Uuid` and types of other crates, lists of these, structs around one of these, and enums.
///
/// | attribute | meaning |
/// |---|---|
/// | `#[key]` | the primary key, or, on up to four fields that stand together, the parts of one in the order of the fields; a `#[belongs_to]` can be one, too |
/// | `#[key(auto)]` | the one key, an integer that the database assigns; while the field has its type's default, the entity has no key |
/// | `#[key(uuid_v7)]` | a `uuid::Uuid` that is made here when the entity is added or inserted, if it is nil, its default: the session knows it at once, and the flush waits for no answer. Keys made later are larger, which keeps the index dense |
/// | `#[key(uuid_v4)]` | the same at random, for tables that are spread over servers by ranges of the key |
/// | `#[version]` | the optimistic lock: an integer that every update raises; one per entity |
/// | `#[version(timestamp)]` | the same as a time: an `i64` of microseconds since 1970 that every insert and update sets; never the same twice |
/// | `#[column(name = "nick")]` | the column's name |
/// | `#[column(unique)]` | no two rows have the same value, NULL aside |
/// | `#[column(index)]` | an index on this column |
/// | `#[column(default = 0)]` | DEFAULT for rows that others write: a number, `true`, `false` or a string |
/// | `#[column(default(sql = "CURRENT_TIMESTAMP"))]` | DEFAULT as SQL, which is taken as it is |
/// | `#[column(server_default = 0)]` | the same, and the session leaves it to the database: while a new entity's field has its type's default (`None`, 0, the empty text), the INSERT leaves the column out, and the value that the database gave comes back |
/// | `#[column(server_default(sql = "CURRENT_TIMESTAMP"))]` | the same as SQL |
/// | `#[column(generated = "price * quantity")]` | a column that the database computes from others of the row: never written, and read back after each INSERT and UPDATE |
/// | `#[column(references = User::ID)]` | a foreign key without a relation; the types must agree, `Option` aside |
/// | `#[column(references = .., on_delete = cascade)]` | what the database does with this row when the other one is deleted: `cascade`, `set_null` (the column must be nullable) or `restrict` |
///
/// Options of `#[column]` can stand in one attribute or in several. A flag can be taken back: `unique = false`.
///
/// A key that the database does not assign may change, and what refers to it follows: foreign keys to it, those of
/// relations too, are created with ON UPDATE CASCADE.
///
/// # On a field: a struct of columns
///
/// **`#[embedded]`** goes on a field whose type derives [`Embedded`](macro@Embedded): its fields are columns of this table. Such
/// fields stand behind all other columns.
///
/// | option | meaning |
/// |---|---|
/// | `prefix = "home_"` | what stands before the names of its columns; by default the field's name and `_` |
///
/// # On a field: relations
///
/// **`#[belongs_to]`** goes on a `BelongsTo<User>`, or on a `BelongsTo<Option<User>>` where there may be none. The
/// field `author` is stored in the column `author_id`, which has the type of the other side's key and an index.
///
/// | option | meaning |
/// |---|---|
/// | `column = "written_by"` | the column's name; its constant is that name in capitals: `WRITTEN_BY`, `AUTHOR_ID` for `AuthorId` |
/// | `columns("order_year", "order_number")` | the columns for a composite key, in the order of that key |
/// | `on_delete = cascade` | as for a plain foreign key; `set_null` needs `BelongsTo<Option<..>>` |
/// | `unique` | at most one row points to each target: one to one |
/// | `index = false` | no index on the column |
///
/// With `#[key]` above it, a link is the key of the entity, or a part of it: a table of links that has columns of its own,
/// or one row for one other row. The key's type is the other side's key; where that has several columns, each of them is
/// a part. Such a link has no index of its own where the key begins with it.
///
/// ```
/// # use anyorm::prelude::*;
/// # #[derive(Clone, Debug, Default, Entity)]
/// # struct Post { #[key(auto)] id: i64 }
/// # #[derive(Clone, Debug, Default, Entity)]
/// # struct Tag { #[key(auto)] id: i64 }
/// #[derive(Clone, Debug, Default, Entity)]
/// #[entity(table = "post_tags")]
/// struct PostTag {
///     #[key]
///     #[belongs_to(on_delete = cascade)]
///     post: BelongsTo<Post>,
///     #[key]
///     #[belongs_to(on_delete = cascade)]
///     tag: BelongsTo<Tag>,
///     added_at: i64,
/// }
///
/// let link = PostTag { post: BelongsTo::to_key(1), tag: BelongsTo::to_key(2), added_at: 0 };
/// assert_eq!(link.key(), Some((1, 2)));
/// assert_eq!(PostTag { tag: BelongsTo::default(), ..link }.key(), None); // until both ends are known
/// ```
///
/// **`#[has_many(Post::AUTHOR)]`** goes on a `HasMany<Post>`, and names the relation constant of the other side.
///
/// | option | meaning |
/// |---|---|
/// | `delete_orphan` | a member that loses its parent is deleted, and goes with a parent that is deleted |
/// | `order_by = Post::TITLE` | the order in which members are loaded; also `Post::TITLE.desc()`, and several: `order_by(Post::TITLE.desc(), Post::ID)` |
/// | `position = Item::PLACE` | an integer column in which the flush keeps each member's place, from 0; members are loaded in that order |
///
/// **`#[has_one(Profile::USER)]`** goes on a `HasOne<Profile>`: the same where there is one at most. It takes
/// `delete_orphan`. The other side's foreign key is unique.
///
/// ```
/// use anyorm::prelude::*;
///
/// #[derive(Clone, Debug, Default, Entity)]
/// struct Album {
///     #[key(auto)]
///     id: i64,
///     #[has_many(Track::ALBUM, delete_orphan, position = Track::PLACE)]
///     tracks: HasMany<Track>,
///     #[has_one(Cover::ALBUM, delete_orphan)]
///     cover: HasOne<Cover>,
/// }
///
/// #[derive(Clone, Debug, Default, Entity)]
/// struct Track {
///     #[key(auto)]
///     id: i64,
///     place: i64,
///     #[belongs_to]
///     album: BelongsTo<Album>,
/// }
///
/// #[derive(Clone, Debug, Default, Entity)]
/// struct Cover {
///     #[key(auto)]
///     id: i64,
///     #[belongs_to(unique, on_delete = cascade)]
///     album: BelongsTo<Album>,
/// }
/// ```
///
/// What happens to the members of a parent that is deleted is said by the `on_delete` of their `belongs_to`, and done by the
/// database: `cascade` deletes them, `restrict` refuses, `set_null` lets them stay. Without an `on_delete`, `delete_orphan`
/// has the flush delete them, and theirs; it reads those that are not loaded, one hop for each level.
///
/// **`#[many_to_many(through = "post_tags")]`** goes on a `ManyToMany<Tag>`, and names the table of the pairs.
///
/// | option | meaning |
/// |---|---|
/// | `through = PostTag` | the entity that is stored in that table, where there is one: both are one view each of the same rows. A pair leaves the entity's other columns to their DEFAULT or NULL |
/// | `from = "post_id"` | the column for this side's key; by default the struct's name and `_id` |
/// | `to = "tag_id"` | the column for the other side's key; by default that struct's name and `_id` |
/// | `from("year", "number")` | the columns for a composite key; for `to` too |
/// | `delete_orphan` | as for `has_many`; a target has one parent then, a second one is an error of the flush |
/// | `order_by = Tag::NAME` | as for `has_many` |
///
/// A relation of an entity to itself needs both:
///
/// ```
/// use anyorm::prelude::*;
///
/// #[derive(Clone, Debug, Default, Entity)]
/// struct Person {
///     #[key(auto)]
///     id: i64,
///     #[belongs_to(on_delete = set_null)]
///     manager: BelongsTo<Option<Person>>,
///     #[has_many(Person::MANAGER)]
///     team: HasMany<Person>,
///     #[many_to_many(through = "follows", from = "follower_id", to = "followed_id")]
///     follows: ManyToMany<Person>,
/// }
///
/// assert_eq!(Person::meta().table, "person");
/// assert_eq!(Person::MANAGER_ID.meta().nullable, true);
/// ```
///
/// # What is made
///
/// - An implementation of `anyorm::Entity`.
/// - For each column a constant `Column<Self, T>`, named after the field in capitals, or after the column for those of
///   a `belongs_to`.
/// - For each relation a constant `Relation<Self, Target, Kind>`, named after the field in capitals.
/// - For each embedded field a constant that has a method for each of its columns.
///
/// Constants are as visible as the struct. `r#type` is the column `type` and the constant `TYPE`. Columns are told apart
/// without regard to case, as databases do.
#[proc_macro_derive(
    Entity,
    attributes(entity, key, column, version, embedded, belongs_to, has_many, has_one, many_to_many)
)]
pub fn derive_entity(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let parse::Parsed { entity, errors } = parse::parse(&input);
    let Some(errors) = errors.finish() else {
        return entity.as_ref().map(expand::entity).unwrap_or_default().into();
    };
    let mut tokens = errors.into_compile_error();
    tokens.extend(entity.as_ref().map(expand::stand_in));
    tokens.into()
}

/// Makes an enum a column type: its variants, which have no fields, are stored by their names, or by their numbers.
///
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// #[derive(Clone, Copy, Debug, Default, PartialEq, DbEnum)]
/// #[db_enum(rename_all = "snake_case")]
/// enum State {
///     #[default]
///     New,
///     OnHold,
///     #[db_enum(rename = "finished")]
///     Done,
/// }
///
/// #[derive(Clone, Debug, Default, Entity)]
/// struct Task {
///     #[key(auto)]
///     id: i64,
///     state: State,
/// }
///
/// engine.create_all(&schema![Task]).await?;
/// engine.insert_many([Task { state: State::OnHold, ..Default::default() }, Task::default()]).await?;
/// let waiting = Task::select().filter(Task::STATE.is_in([State::OnHold, State::Done]));
/// assert_eq!(engine.one(waiting).await?.state, State::OnHold);
/// assert_eq!(engine.all(sql("SELECT state FROM task ORDER BY id").returning::<String>()).await?, ["on_hold", "new"]);
/// # Ok(()) });
/// ```
///
/// | on the enum: `#[db_enum(..)]` | meaning |
/// |---|---|
/// | nothing | names, as text |
/// | `name = "mood"` | names, as an enum type of PostgreSQL, which `create_all` creates before the tables. Its values are ordered as the variants are; those of SQLite, and all without `name`, as text |
/// | `integer` | the numbers of the variants, as `enum State { New = 1 }` gives them: in a column of the `#[repr(..)]` of the enum, which is one of `i8` to `i64` and `u8` to `u32`; without one, `i32` |
/// | `rename_all = "snake_case"` | how names are written: `lowercase`, `UPPERCASE`, `snake_case`, `SCREAMING_SNAKE_CASE`, `kebab-case`, `camelCase`; as in Rust without it |
/// | `crate = path` | where the facade is, if not at `::anyorm` |
///
/// On a variant, `#[db_enum(rename = "finished")]` is its name. What the database has and the enum has not is an error where it
/// is read. A variant that is added later is not added to an enum type that exists: that needs `ALTER TYPE .. ADD VALUE`.
///
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
/// use anyorm::{POSTGRES, SQLITE};
///
/// #[derive(Clone, Copy, Debug, Default, PartialEq, DbEnum)]
/// #[db_enum(name = "mood")]
/// enum Mood {
///     #[default]
///     Glad,
///     Sad,
/// }
///
/// #[derive(Clone, Copy, Debug, Default, PartialEq, DbEnum)]
/// #[db_enum(integer)]
/// #[repr(i16)]
/// enum Priority {
///     #[default]
///     Low = 10,
///     High = 20,
/// }
///
/// #[derive(Clone, Debug, Default, Entity)]
/// struct Task {
///     #[key(auto)]
///     id: i64,
///     mood: Mood,
///     priority: Priority,
/// }
///
/// let postgres = schema![Task].create(&POSTGRES)?;
/// assert!(postgres[0].contains(r#"CREATE TYPE "mood" AS ENUM ('Glad', 'Sad')"#));
/// assert!(postgres[1].contains(r#""mood" "mood" NOT NULL"#) && postgres[1].contains(r#""priority" SMALLINT NOT NULL"#));
/// let sqlite = schema![Task].create(&SQLITE)?;
/// assert!(sqlite[0].contains(r#""mood" TEXT NOT NULL"#) && sqlite[0].contains(r#""priority" INTEGER NOT NULL"#));
///
/// engine.create_all(&schema![Task]).await?;
/// engine.execute(sql("INSERT INTO task (mood, priority) VALUES ('Sad', 30)")).await?;
/// let error = engine.all(Task::select()).await.unwrap_err().to_string();
/// assert!(error.starts_with("cannot read Task.priority: expected one of 10 (`Low`), 20 (`High`), found the integer 30"));
/// # Ok(()) });
/// ```
#[proc_macro_derive(DbEnum, attributes(db_enum))]
pub fn derive_db_enum(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    enumeration::of_input(&input).unwrap_or_else(|error| error.into_compile_error()).into()
}

/// Makes a struct around one value a column type.
///
/// It is stored as that value, and is a type of its own in Rust.
///
/// ```
/// use anyorm::SqlType;
/// use anyorm::prelude::*;
///
/// #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, SqlType)]
/// struct UserId(i64);
///
/// #[derive(Clone, Debug, Default, Entity)]
/// struct User {
///     #[key(auto)]
///     id: UserId,
///     #[belongs_to]
///     friend: BelongsTo<Option<User>>,
/// }
///
/// let user = User { id: UserId(7), friend: BelongsTo::to_key(UserId(8)) };
/// assert_eq!(user.key(), Some(UserId(7)));
/// // Compared with its own kind only: `User::ID.eq(7)` does not compile.
/// let _ = User::ID.eq(UserId(7));
/// ```
///
/// To be a key, it also needs `Clone`, `Eq`, `Ord`, `Hash` and `Debug`; `#[key(auto)]` needs `Default` besides. A
/// column that may be NULL holds an `Option<UserId>`: the struct itself never holds an `Option`.
///
/// `#[sql_type(crate = path)]` says where the facade is, if not at `::anyorm`.
///
/// # On an enum
///
/// [`DbEnum`](macro@DbEnum) by another name: what that takes in `#[db_enum(..)]`, this takes in `#[sql_type(..)]`.
#[proc_macro_derive(SqlType, attributes(sql_type))]
pub fn derive_sql_type(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    let expanded = match &input.data {
        Data::Enum(data) => enumeration::expand(&input, data, parse::EnumDerive::SqlType),
        _ => newtype::expand(&input),
    };
    expanded.unwrap_or_else(|error| error.into_compile_error()).into()
}

/// Makes a struct with named fields what each row of a query becomes: its fields are read from the columns, in their order.
///
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// #[derive(Debug, PartialEq, FromRow)]
/// struct Report {
///     name: String,
///     posts: i64,
/// }
///
/// // The compiler compares the types of the columns with those of the fields.
/// let users = User::select().left_join(User::POSTS).group_by(User::NAME).order_by(User::NAME);
/// let reports = users.columns((User::NAME, count(Post::ID))).rows_as::<Report>();
/// assert_eq!(engine.all(reports).await?[0], Report { name: "Ada".into(), posts: 2 });
///
/// // Of SQL as text, the columns are counted, and their values must fit.
/// let reports = sql("SELECT name, 7 FROM users WHERE id = 1").returning::<Report>();
/// assert_eq!(engine.one(reports).await?, Report { name: "Ada".into(), posts: 7 });
/// let error = engine.one(sql("SELECT name FROM users WHERE id = 1").returning::<Report>()).await.unwrap_err();
/// assert!(error.to_string().starts_with(
///     "cannot read Report: expected a row with a column for each field, in their order, \
///      found 1 column, where it reads 2: `name`"
/// ));
/// # Ok(()) });
/// ```
///
/// # On a field: `#[row(..)]`
///
/// | attribute | meaning |
/// |---|---|
/// | `#[row(User::NAME)]`, `#[row(count(Post::ID))]` | the column or expression that the field is made of. Above all fields or above none: then the struct selects what it needs by itself, however many fields there are |
/// | `#[row(nested)]` | a struct that derives `FromRow` too, and reads its columns in place; an `Option` of one is `None` where all of its columns are NULL |
///
/// A query selects such a struct by `project`, and an insert, update or delete answers it by `returning_as`. In an `Option` that
/// is nested, columns are taken as they are in a left join: `Post::TITLE` needs no `.optional()` there.
///
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// #[derive(Debug, PartialEq, FromRow)]
/// struct Writing {
///     #[row(Post::ID)]
///     id: i64,
///     #[row(Post::TITLE)]
///     title: String,
/// }
///
/// #[derive(Debug, PartialEq, FromRow)]
/// struct Writer {
///     #[row(User::NAME)]
///     name: String,
///     #[row(nested)]
///     writing: Option<Writing>,
///     #[row(User::AGE)]
///     age: Option<i32>,
/// }
///
/// let writers = User::select().left_join(User::POSTS).order_by((User::NAME, Post::ID));
/// let writers = engine.all(writers.project::<Writer>()).await?;
/// let notes = Writing { id: 1, title: "Notes".into() };
/// assert_eq!(writers[0], Writer { name: "Ada".into(), writing: Some(notes), age: Some(36) });
/// assert_eq!(writers[2], Writer { name: "Grace".into(), writing: None, age: None });
/// # Ok(()) });
/// ```
///
/// On the struct, `#[row(crate = path)]` says where the facade is, if not at `::anyorm`.
///
/// # What is made
///
/// Implementations of `anyorm::FromRow`; of `anyorm::query::RowOf` for the tuple of the fields' types, where there are at
/// most sixteen and none is nested; and of `anyorm::query::Projection`, where the fields say what they are made of.
#[proc_macro_derive(FromRow, attributes(row))]
pub fn derive_from_row(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    row::expand(&input).unwrap_or_else(|error| error.into_compile_error()).into()
}

/// The work of `anyorm::sql!`, which tells it where the facade is.
#[doc(hidden)]
#[proc_macro]
pub fn sql_with(input: TokenStream) -> TokenStream {
    sql::expand(input.into()).into()
}

/// Makes a struct with named fields several columns of the entities that have a field of it, with
/// [`#[embedded]`](macro@Entity#on-a-field-a-struct-of-columns) above it.
///
/// ```
/// # use orm_blog::*;
/// # run(async |engine| {
/// use anyorm::prelude::*;
///
/// #[derive(Clone, Debug, Default, PartialEq, Embedded)]
/// struct Address {
///     street: String,
///     #[column(index)]
///     city: String,
/// }
///
/// #[derive(Clone, Debug, Default, PartialEq, Entity)]
/// struct Customer {
///     #[key(auto)]
///     id: i64,
///     name: String,
///     #[embedded]
///     home: Address, // home_street, home_city
///     #[embedded(prefix = "work_")]
///     office: Address, // work_street, work_city
/// }
///
/// engine.create_all(&schema![Customer]).await?;
/// let mut session = engine.session();
/// let home = Address { street: "St James's Square".into(), city: "London".into() };
/// let ada = session.add(Customer { name: "Ada".into(), home, ..Default::default() });
/// session.commit().await?;
///
/// session[ada].office.city = "Turin".into();
/// session.commit().await?; // UPDATE customer SET work_city = ? WHERE id = ?
///
/// let of_london = Customer::select().filter(Customer::HOME.city().eq("London"));
/// assert_eq!(engine.all(of_london.columns(Customer::OFFICE.city())).await?, ["Turin"]);
/// # Ok(()) });
/// ```
///
/// The struct needs `Clone`; it has no parameters. Its fields are of [column types](macro@SqlType), and take
/// `#[column(..)]` with `name`, `unique`, `index` and `default`. A key, a version and relations belong to the entity.
///
/// What is made: an implementation of `anyorm::Embedded`, and a type with a method for each column, here `AddressColumns`: that of
/// `Customer::HOME`. On the struct, `#[embedded(crate = path)]` says where the facade is, if not at `::anyorm`.
#[proc_macro_derive(Embedded, attributes(embedded, column))]
pub fn derive_embedded(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    embedded::expand(&input).unwrap_or_else(|error| error.into_compile_error()).into()
}
