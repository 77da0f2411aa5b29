//! Every place where a program gives a text to a statement.

use anyorm::prelude::*;
use orm_blog::{Account, Post, Tag, User};
use orm_core::expr::{case, nullif};
use orm_core::{Json, PageCursor, Query, Result, Statement, coalesce, excluded, recursive, sql, values};

/// What somebody noted.
#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "notes")]
pub(crate) struct Note {
    #[key]
    id: i64,
    details: Json<Vec<i64>>,
}

/// Makes the statement that has a text somewhere.
pub(crate) type Make = fn(&str) -> Result<Statement>;

/// The place, and the statement that has the text there.
type EntryPoint = (&'static str, Make);

macro_rules! entry_points {
    ($($name:literal $text:ident => $query:expr;)*) => {
        /// All of them.
        pub(crate) const ENTRY_POINTS: &[EntryPoint] = &[$(($name, |$text| $query.statement()),)*];
    };
}

fn users() -> orm_core::Select<User, orm_core::Values<i64>> {
    User::select().columns(User::ID)
}

entry_points! {
    "eq" text => users().filter(User::NAME.eq(text));
    "ne" text => users().filter(User::NAME.ne(text));
    "lt" text => users().filter(User::NAME.lt(text));
    "le" text => users().filter(User::NAME.le(text));
    "gt" text => users().filter(User::NAME.gt(text));
    "ge" text => users().filter(User::NAME.ge(text.to_owned()));
    "between" text => users().filter(User::NAME.between(text, text));
    "is_in" text => users().filter(User::NAME.is_in([text, "b"]));
    "not_in" text => users().filter(User::NAME.not_in([text, "b"]));
    "is_same" text => users().filter(User::NAME.is_same(text));
    "like" text => users().filter(User::NAME.like(text));
    "ends_with" text => users().filter(User::NAME.ends_with(text));
    "contains" text => users().filter(User::NAME.contains(text));
    "replace" text => User::select().columns(User::NAME.replace(text, text));
    "concat" text => User::select().columns(User::NAME.concat(text));
    "position_of" text => User::select().columns(User::NAME.position_of(text));
    "coalesce" text => User::select().columns(coalesce(User::NAME, text));
    "nullif" text => User::select().columns(nullif(User::NAME, text));
    "case" text => User::select().columns(case::<String>().when(User::NAME.eq(text), text).otherwise(text));
    "having" text => Post::select().group_by(Post::TITLE).having(max(Post::TITLE).gt(text)).columns(Post::TITLE);
    "any" text => users().filter(User::POSTS.any(Post::TITLE.eq(text)));
    "all" text => users().filter(User::POSTS.all(Post::TITLE.eq(text)));
    "join_on" text => users().join_on(User::alias(), User::NAME.eq(text));
    "a subquery" text => users().filter(User::ID.is_in_query(Post::select().filter(Post::TITLE.eq(text)).columns(Post::AUTHOR_ID)));
    "a derived table" text => {
        let named = users().filter(User::NAME.eq(text)).derived();
        named.select()
    };
    "a cte" text => {
        let named = users().filter(User::NAME.eq(text)).cte();
        named.select()
    };
    "a recursive cte" text => {
        let words = recursive(values([text.to_owned()]).select(), |words| {
            let word = words.columns();
            words.select().filter(word.ne(text)).columns(word.concat(text))
        });
        words.select()
    };
    "values" text => values([(1_i64, text.to_owned()), (2, text.to_owned())]).select();
    "a union" text => users().filter(User::NAME.eq(text)).union(users().filter(User::NAME.eq(text)));
    "json key" text => Note::select().columns(Note::DETAILS.at(text).at(0).at(text).text());
    "json key, whether it is there" text => Note::select().columns(Note::ID).filter(Note::DETAILS.at(text.to_owned()).exists());
    "insert of an entity" text => Tag::insert().value(Tag { name: text.to_owned(), ..Default::default() });
    "insert of columns" text => Tag::insert().set(Tag::NAME, text);
    "insert from a query" text => Tag::insert().from_select(Tag::NAME, User::select().columns(User::NAME).filter(User::NAME.eq(text)));
    "upsert" text => Account::insert().set(Account::ID, 1).on_conflict(Account::ID).do_set(|account| {
        account.set(Account::BALANCE, case::<i64>().when(excluded(Account::BALANCE).cast::<String>().eq(text), 1).otherwise(2))
    });
    "update" text => User::update().set(User::NAME, text).filter(User::NAME.eq(text));
    "update from" text => Post::update().join(Post::AUTHOR).set(Post::TITLE, text).filter(User::NAME.eq(text));
    "delete" text => Tag::delete().filter(Tag::NAME.eq(text));
    "raw SQL, bound" text => sql("SELECT name FROM users WHERE name = ? OR email = ?").bind(text.to_owned()).bind_str(text).returning::<String>();
    "sql!, in a hole" text => anyorm::sql!("SELECT name FROM users WHERE name = {text} OR email = {}", text.to_owned()).returning::<String>();
    "sql!, in a list" text => anyorm::sql!("SELECT name FROM users WHERE name IN ({})", anyorm::list([text, "b"])).returning::<String>();
    "sql!, as an expression" text => users().filter(anyorm::sql!("lower({User::NAME}) = {text}").expression::<bool>());
    "a value as an expression" text => User::select().columns(orm_core::expr::value(text.to_owned()));
    "a page cursor" text => {
        let bytes: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
        let token = format!("03{:08x}{bytes}010000000000000007", text.len());
        User::select().order_by(User::NAME).limit(2).page_after(token.parse::<PageCursor>()?)
    };
}

/// Those whose statement is another one for the empty text, or for one that nothing comes after.
pub(crate) const OF_TWO_FORMS: &[EntryPoint] =
    &[("starts_with", |text| users().filter(User::NAME.starts_with(text)).statement())];
