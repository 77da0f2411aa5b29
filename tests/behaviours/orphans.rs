//! Members that are deleted when they lose their parent: `delete_orphan`.

use anyorm::error::ConstraintKind;
use anyorm::prelude::*;
use anyorm::{Result, Schema, Trusted};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    o1_a_removed_member_is_deleted,
    o1_a_replaced_list_deletes_who_is_not_in_it,
    o1_a_cleared_collection_deletes_all,
    o1_retain_and_pop_delete_who_leaves,
    o1_removal_from_a_collection_that_is_not_loaded,
    o1_a_list_assigned_unread_deletes_who_is_not_in_it,
    o1_a_link_set_to_none_by_the_child_deletes_it,
    o1_unlink_deletes_it,
    o1_a_new_member_that_leaves_again_is_never_stored,
    o1_a_required_link_is_no_error,
    o3_a_member_given_to_another_parent_is_kept,
    o3_also_where_the_old_parent_is_deleted,
    o4_members_of_a_deleted_parent_are_read_and_deleted,
    o4_each_level_is_one_hop,
    o6_a_member_without_parent_is_inserted_if_constraints_allow,
    o6_or_the_error_names_the_field,
    o6_the_foreign_key_number_is_enough,
    o9_what_the_database_cascades_is_not_loaded,
    o9_restrict_is_the_databases_refusal,
    o10_a_link_does_not_pull_a_child_in,
    o12_a_member_removed_through_a_former_parent_stays,
    rollback_brings_orphans_back,
    rollback_to_a_savepoint_brings_orphans_back,
    recover_brings_orphans_back,
    changes_shows_orphans_and_leaves_them_alone,
    a_tree_goes_with_its_root,
    a_branch_cut_off_goes_with_its_leaves,
    two_relations_to_one_table,
    composite_keys,
    new_members_of_a_deleted_parent_are_never_stored,
    f1_the_middle_of_a_diamond_goes,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "authors")]
struct Author {
    #[key(auto)]
    id: i64,
    name: String,
    #[has_many(Book::AUTHOR, delete_orphan)]
    books: HasMany<Book>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "books")]
struct Book {
    #[key(auto)]
    id: i64,
    title: String,
    #[belongs_to]
    author: BelongsTo<Option<Author>>,
    #[has_many(Page::BOOK, delete_orphan)]
    pages: HasMany<Page>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "pages")]
struct Page {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    book: BelongsTo<Book>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "lists")]
struct List {
    #[key(auto)]
    id: i64,
    #[has_many(Item::LIST, delete_orphan)]
    items: HasMany<Item>,
    #[has_many(Pin::LIST, delete_orphan)]
    pins: HasMany<Pin>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "items")]
struct Item {
    #[key(auto)]
    id: i64,
    #[belongs_to(on_delete = cascade)]
    list: BelongsTo<List>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "pins")]
struct Pin {
    #[key(auto)]
    id: i64,
    #[belongs_to(on_delete = restrict)]
    list: BelongsTo<List>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "twigs")]
struct Twig {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    parent: BelongsTo<Option<Twig>>,
    #[has_many(Twig::PARENT, delete_orphan)]
    children: HasMany<Twig>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "people")]
struct Person {
    #[key(auto)]
    id: i64,
    #[has_many(Address::HOME_OF, delete_orphan)]
    homes: HasMany<Address>,
    #[has_many(Address::WORK_OF, delete_orphan)]
    works: HasMany<Address>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "addresses")]
struct Address {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    home_of: BelongsTo<Option<Person>>,
    #[belongs_to]
    work_of: BelongsTo<Option<Person>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "orders")]
struct Order {
    #[key]
    year: i32,
    #[key]
    number: i64,
    #[has_many(Line::ORDER, delete_orphan)]
    lines: HasMany<Line>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "lines")]
struct Line {
    #[key(auto)]
    id: i64,
    #[belongs_to(columns("order_year", "order_number"))]
    order: BelongsTo<Order>,
}

fn library() -> Schema {
    schema![Author, Book, Page, List, Item, Pin, Twig, Person, Address, Order, Line]
}

/// An author with three books, the first of which has two pages.
async fn shelf(db: &Database) -> Result<()> {
    db.engine.create_all(&library()).await?;
    elsewhere(db, "INSERT INTO authors VALUES (1, 'Ada'), (2, 'Grace')").await?;
    elsewhere(db, "INSERT INTO books VALUES (1, 'a', 1), (2, 'b', 1), (3, 'c', 1)").await?;
    elsewhere(db, "INSERT INTO pages VALUES (1, 1), (2, 1)").await?;
    db.engine.advance_keys(&library()).await
}

async fn keys(db: &Database, table: &str) -> Result<Vec<i64>> {
    db.engine.all(sql(Trusted(format!("SELECT id FROM {table} ORDER BY id"))).returning::<i64>()).await
}

async fn ada(session: &mut Session) -> Result<(Handle<Author>, Vec<Handle<Book>>)> {
    let ada = session.one(Author::select().filter(Author::ID.eq(1)).with(Author::BOOKS)).await?;
    let books = session[ada].books.to_vec();
    Ok((ada, books))
}

async fn o1_a_removed_member_is_deleted(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let (ada, books) = ada(&mut session).await?;
    session[ada].books.remove(books[1]);
    db.log.clear();
    session.commit().await?;
    let pages = "SELECT id, book_id FROM pages WHERE book_id IN (..) x1";
    let expected = [pages, "DELETE FROM books WHERE id = ? x1"];
    assert_eq!(sent(&db), expected, "no UPDATE of the link");
    assert_eq!(keys(&db, "books").await?, [1, 3]);
    assert!(session.peek(books[1]).is_none(), "its handle is stale");
    assert_eq!(session[ada].books.loaded(), Some(&[books[0], books[2]][..]));
    assert!(!session.is_dirty());
    Ok(())
}

async fn o1_a_replaced_list_deletes_who_is_not_in_it(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let (ada, books) = ada(&mut session).await?;
    let new = session.add(Book { title: "d".into(), ..Book::default() });
    session[ada].books = vec![books[2], new].into();
    session.commit().await?;
    assert_eq!(keys(&db, "books").await?, [3, 4]);
    assert_eq!(keys(&db, "pages").await?, [0; 0], "the pages of the first went with it");
    assert_eq!(session[new].author.handle(), Some(ada));
    Ok(())
}

async fn o1_a_cleared_collection_deletes_all(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let (ada, _) = ada(&mut session).await?;
    session[ada].books.clear();
    session.commit().await?;
    assert_eq!(keys(&db, "books").await?, [0; 0]);
    assert!(session[ada].books.is_empty());
    Ok(())
}

async fn o1_retain_and_pop_delete_who_leaves(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let (ada, books) = ada(&mut session).await?;
    session[ada].books.retain(|&book| book != books[0]);
    assert_eq!(session[ada].books.pop(), Some(books[2]));
    session.commit().await?;
    assert_eq!(keys(&db, "books").await?, [2]);
    Ok(())
}

async fn o1_removal_from_a_collection_that_is_not_loaded(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let ada = session.get_one::<Author>(1).await?;
    let book = session.get_one::<Book>(2).await?;
    session[ada].books.remove(book);
    session[ada].books.push(Book { title: "d".into(), ..Book::default() });
    session.commit().await?;
    assert_eq!(keys(&db, "books").await?, [1, 3, 4]);
    assert!(!session[ada].books.is_loaded(), "the rest was not read");
    Ok(())
}

async fn o1_a_list_assigned_unread_deletes_who_is_not_in_it(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let ada = session.get_one::<Author>(1).await?;
    let book = session.get_one::<Book>(2).await?;
    session[ada].books = vec![book].into();
    session.commit().await?;
    assert_eq!(keys(&db, "books").await?, [2]);
    Ok(())
}

async fn o1_a_link_set_to_none_by_the_child_deletes_it(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let book = session.get_one::<Book>(1).await?;
    session[book].author = BelongsTo::default();
    session.commit().await?;
    assert_eq!(keys(&db, "books").await?, [2, 3]);
    assert_eq!(keys(&db, "pages").await?, [0; 0]);
    Ok(())
}

async fn o1_unlink_deletes_it(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let (ada, books) = ada(&mut session).await?;
    session.unlink(ada, Author::BOOKS, books[0]);
    session.unlink(books[1], Book::AUTHOR, ada);
    session.commit().await?;
    assert_eq!(keys(&db, "books").await?, [3]);
    assert_eq!(session[ada].books.len(), 1);
    Ok(())
}

async fn o1_a_new_member_that_leaves_again_is_never_stored(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let (ada, _) = ada(&mut session).await?;
    let page = Page::default();
    let new = session.add(Book { title: "d".into(), pages: vec![page].into(), ..Book::default() });
    session[ada].books.push(new);
    session[ada].books.remove(new);
    db.log.clear();
    session.flush().await?;
    assert_eq!(sent(&db), [""; 0], "neither it nor its page");
    assert!(!session.is_dirty());
    session.commit().await?;
    assert!(session.peek(new).is_none());
    Ok(())
}

async fn o1_a_required_link_is_no_error(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let book = session.one(Book::select().filter(Book::ID.eq(1)).with(Book::PAGES)).await?;
    let pages = session[book].pages.to_vec();
    session[book].pages.remove(pages[0]);
    session.commit().await?;
    assert_eq!(keys(&db, "pages").await?, [2]);
    Ok(())
}

async fn o3_a_member_given_to_another_parent_is_kept(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let (ada, books) = ada(&mut session).await?;
    let grace = session.get_one::<Author>(2).await?;
    session[ada].books.remove(books[0]);
    session[grace].books.push(books[0]);
    session[ada].books.remove(books[1]);
    session[books[1]].author = grace.into();
    session.commit().await?;
    assert_eq!(keys(&db, "books").await?, [1, 2, 3]);
    let by_grace = db.engine.count(Book::select().filter(Book::AUTHOR_ID.eq(2))).await?;
    assert_eq!(by_grace, 2);
    Ok(())
}

async fn o3_also_where_the_old_parent_is_deleted(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let (ada, books) = ada(&mut session).await?;
    let grace = session.get_one::<Author>(2).await?;
    session[ada].books.remove(books[0]);
    session[grace].books.push(books[0]);
    session.delete(ada);
    session.commit().await?;
    assert_eq!(keys(&db, "books").await?, [1], "the others went with their author");
    assert_eq!(keys(&db, "pages").await?, [1, 2]);
    assert_eq!(keys(&db, "authors").await?, [2]);
    assert_eq!(session[books[0]].author.handle(), Some(grace));
    Ok(())
}

async fn o4_members_of_a_deleted_parent_are_read_and_deleted(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let ada = session.get_one::<Author>(1).await?;
    session.delete(ada);
    db.log.clear();
    session.commit().await?;
    let books = "SELECT id, title, author_id FROM books WHERE author_id IN (..) x1";
    let pages = "SELECT id, book_id FROM pages WHERE book_id IN (..) x1";
    assert_eq!(
        sent(&db),
        [
            books,
            pages,
            "DELETE FROM pages WHERE id = ? x2",
            "DELETE FROM books WHERE id = ? x3",
            "DELETE FROM authors WHERE id = ? x1",
        ]
    );
    assert_eq!(keys(&db, "pages").await?, [0; 0]);
    Ok(())
}

async fn o4_each_level_is_one_hop(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let ada = session.get_one::<Author>(1).await?;
    let grace = session.get_one::<Author>(2).await?;
    session.delete(ada);
    session.delete(grace);
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 3, "books, pages, and the flush itself");
    assert_eq!(keys(&db, "authors").await?, [0; 0]);
    Ok(())
}

async fn o6_a_member_without_parent_is_inserted_if_constraints_allow(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let book = session.add(Book { title: "alone".into(), ..Book::default() });
    session.commit().await?;
    assert_eq!(session[book].id, 4);
    session[book].title = "still alone".into();
    session.commit().await?;
    assert_eq!(keys(&db, "books").await?, [1, 2, 3, 4]);
    Ok(())
}

async fn o6_or_the_error_names_the_field(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    session.add(Page::default());
    let error = session.commit().await.unwrap_err().to_string();
    assert!(error.contains("Page") && error.contains("`book` is empty"), "{error}");
    Ok(())
}

async fn o6_the_foreign_key_number_is_enough(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let page = session.add(Page { book: BelongsTo::to_key(2), ..Page::default() });
    session.commit().await?;
    assert_eq!(session[page].id, 3);
    Ok(())
}

async fn o9_what_the_database_cascades_is_not_loaded(db: Database) -> Result<()> {
    db.engine.create_all(&library()).await?;
    elsewhere(&db, "INSERT INTO lists VALUES (1)").await?;
    elsewhere(&db, "INSERT INTO items VALUES (1, 1), (2, 1), (3, 1), (4, 1)").await?;
    let mut session = db.engine.session();
    let list = session.get_one::<List>(1).await?;
    let item = session.get_one::<Item>(1).await?;
    session[list].items.remove(item);
    session.flush().await?;
    assert_eq!(session.get::<Item>(1).await?, None, "an orphan is deleted all the same");
    session.delete(list);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM lists WHERE id = ? x1"]);
    assert_eq!(keys(&db, "items").await?, [0; 0]);
    Ok(())
}

async fn o9_restrict_is_the_databases_refusal(db: Database) -> Result<()> {
    db.engine.create_all(&library()).await?;
    elsewhere(&db, "INSERT INTO lists VALUES (1)").await?;
    elsewhere(&db, "INSERT INTO pins VALUES (1, 1), (2, 1)").await?;
    let mut session = db.engine.session();
    let list = session.one(List::select().with(List::PINS)).await?;
    let pins = session[list].pins.to_vec();
    session.delete(list);
    let error = session.commit().await.unwrap_err();
    assert_eq!(error.constraint().map(|error| error.kind), Some(ConstraintKind::ForeignKey));
    session.rollback().await?;
    session[list].pins.remove(pins[0]);
    session.commit().await?;
    assert_eq!(keys(&db, "pins").await?, [2]);
    Ok(())
}

/// Behaviour O10, in our terms: a link holds a handle or a key, so it cannot hold a child that the session does not have.
async fn o10_a_link_does_not_pull_a_child_in(db: Database) -> Result<()> {
    shelf(&db).await?;
    let (mut session, mut other) = (db.engine.session(), db.engine.session());
    let (ada, _) = ada(&mut session).await?;
    let stray = other.add(Book { author: BelongsTo::to_key(1), ..Book::default() });
    session.commit().await?;
    assert_eq!(session[ada].books.len(), 3, "what another session has pending is not here");
    session[ada].books.push(stray);
    let error = session.commit().await.unwrap_err().to_string();
    assert!(error.contains("handle of another session"), "{error}");
    assert_eq!(keys(&db, "books").await?, [1, 2, 3]);
    Ok(())
}

/// Behaviour O12, in our terms: a removal that names a former parent says nothing about the present one.
async fn o12_a_member_removed_through_a_former_parent_stays(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let (ada, books) = ada(&mut session).await?;
    let grace = session.get_one::<Author>(2).await?;
    session[books[0]].author = grace.into();
    session.flush().await?;
    assert!(!session[ada].books.contains(books[0]), "it followed");
    session[ada].books.remove(books[0]);
    session.unlink(ada, Author::BOOKS, books[0]);
    session.commit().await?;
    assert_eq!(keys(&db, "books").await?, [1, 2, 3]);
    assert_eq!(session[books[0]].author.handle(), Some(grace));
    Ok(())
}

async fn rollback_brings_orphans_back(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let (ada, books) = ada(&mut session).await?;
    session[ada].books.remove(books[0]);
    session.flush().await?;
    assert_eq!(session.get::<Book>(1).await?, None);
    session.rollback().await?;
    assert_eq!(session[ada].books.loaded(), Some(&books[..]));
    assert_eq!(session.get::<Book>(1).await?, Some(books[0]));
    assert_eq!(session[books[0]].author.key(), Some(&1));
    assert!(!session.is_dirty());
    session[books[0]].title = "back".into();
    session.commit().await?;
    assert_eq!(keys(&db, "pages").await?, [1, 2]);
    Ok(())
}

async fn rollback_to_a_savepoint_brings_orphans_back(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let (ada, books) = ada(&mut session).await?;
    let mut nested = session.begin_nested().await?;
    nested[ada].books.clear();
    nested.flush().await?;
    nested.rollback().await?;
    assert_eq!(session[ada].books.loaded(), Some(&books[..]));
    session.commit().await?;
    assert_eq!(keys(&db, "books").await?, [1, 2, 3]);
    Ok(())
}

async fn recover_brings_orphans_back(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let (ada, books) = ada(&mut session).await?;
    session[ada].books.remove(books[0]);
    session[ada].books.remove(books[1]);
    session.flush().await?;
    let twin = session.add(Author { id: 2, ..Author::default() });
    session.flush().await.unwrap_err();
    session.recover().await?;
    session[twin].id = 0;
    session[books[0]].title = "kept".into();
    session[ada].books.push(books[0]);
    session.commit().await?;
    assert_eq!(keys(&db, "books").await?, [1, 3], "the one that was put back is kept, the other goes");
    assert_eq!(keys(&db, "pages").await?, [1, 2]);
    let title: String = db.engine.scalar(Book::select().filter(Book::ID.eq(1)).columns(Book::TITLE)).await?;
    assert_eq!(title, "kept");
    Ok(())
}

async fn changes_shows_orphans_and_leaves_them_alone(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let (ada, books) = ada(&mut session).await?;
    session[ada].books.remove(books[2]);
    assert_eq!(session.changes()?.to_string(), "delete Book 3");
    session[books[2]].title = "a question deletes nothing".into();
    session[ada].books.push(books[2]);
    assert_eq!(session.changes()?.to_string(), "update Book 3: title");
    session.commit().await?;
    assert_eq!(keys(&db, "books").await?, [1, 2, 3]);
    Ok(())
}

async fn a_tree_goes_with_its_root(db: Database) -> Result<()> {
    db.engine.create_all(&library()).await?;
    elsewhere(&db, "INSERT INTO twigs VALUES (1, NULL), (2, 1), (3, 1), (4, 3), (5, 4), (6, NULL)").await?;
    let mut session = db.engine.session();
    let root = session.get_one::<Twig>(1).await?;
    session.delete(root);
    session.commit().await?;
    assert_eq!(keys(&db, "twigs").await?, [6]);
    Ok(())
}

async fn a_branch_cut_off_goes_with_its_leaves(db: Database) -> Result<()> {
    db.engine.create_all(&library()).await?;
    elsewhere(&db, "INSERT INTO twigs VALUES (1, NULL), (2, 1), (3, 1), (4, 3), (5, 4)").await?;
    let mut session = db.engine.session();
    let root = session.one(Twig::select().filter(Twig::ID.eq(1)).with(Twig::CHILDREN)).await?;
    let leaf = session.get_one::<Twig>(5).await?;
    let branch = session[root].children.last().expect("there are two");
    session[root].children.remove(branch);
    session[root].children.push(leaf);
    session.commit().await?;
    assert_eq!(keys(&db, "twigs").await?, [1, 2, 5], "the leaf was moved to the root");
    Ok(())
}

async fn two_relations_to_one_table(db: Database) -> Result<()> {
    db.engine.create_all(&library()).await?;
    let mut session = db.engine.session();
    let (home, work) = (session.add(Address::default()), session.add(Address::default()));
    let person = Person { homes: vec![home].into(), works: vec![work].into(), ..Person::default() };
    let person = session.add(person);
    session.commit().await?;
    session[person].homes.remove(home);
    session[person].works.push(home);
    session[person].works.remove(work);
    session.commit().await?;
    assert_eq!(keys(&db, "addresses").await?, [1], "one was given to another relation, one to none");
    assert_eq!(session[person].works.loaded(), Some(&[home][..]));
    session.delete(person);
    session.commit().await?;
    assert_eq!(keys(&db, "addresses").await?, [0; 0]);
    Ok(())
}

async fn composite_keys(db: Database) -> Result<()> {
    db.engine.create_all(&library()).await?;
    elsewhere(&db, "INSERT INTO orders VALUES (2026, 1), (2026, 2)").await?;
    elsewhere(&db, "INSERT INTO lines VALUES (1, 2026, 1), (2, 2026, 1), (3, 2026, 2), (4, 2026, 2)").await?;
    let mut session = db.engine.session();
    let first = session.one(Order::select().filter(Order::NUMBER.eq(1)).with(Order::LINES)).await?;
    let lines = session[first].lines.to_vec();
    session[first].lines.remove(lines[0]);
    let second = session.get_one::<Order>((2026, 2)).await?;
    session.delete(second);
    session.commit().await?;
    assert_eq!(keys(&db, "lines").await?, [2]);
    Ok(())
}

async fn new_members_of_a_deleted_parent_are_never_stored(db: Database) -> Result<()> {
    shelf(&db).await?;
    let mut session = db.engine.session();
    let (ada, _) = ada(&mut session).await?;
    session[ada].books.push(Book { title: "d".into(), ..Book::default() });
    let by_link = session.add(Book { author: ada.into(), ..Book::default() });
    session.delete(ada);
    let draft = session.add(Author { books: vec![Book::default()].into(), ..Author::default() });
    session.delete(draft);
    session.commit().await?;
    assert!(session.peek(by_link).is_none());
    assert_eq!(keys(&db, "books").await?, [0; 0]);
    assert_eq!(keys(&db, "authors").await?, [2]);
    Ok(())
}

/// A has Cs and C has Ds, both required and both orphans without their parent; a D may lead to a B.
async fn f1_the_middle_of_a_diamond_goes(db: Database) -> Result<()> {
    #[derive(Clone, Debug, Default, Entity)]
    #[entity(table = "a")]
    struct A {
        #[key(auto)]
        id: i64,
        #[has_many(C::A, delete_orphan)]
        cs: HasMany<C>,
    }
    #[derive(Clone, Debug, Default, Entity)]
    #[entity(table = "b")]
    struct B {
        #[key(auto)]
        id: i64,
        #[has_many(D::B)]
        ds: HasMany<D>,
    }
    #[derive(Clone, Debug, Default, Entity)]
    #[entity(table = "c")]
    struct C {
        #[key(auto)]
        id: i64,
        #[belongs_to]
        a: BelongsTo<A>,
        #[has_many(D::C, delete_orphan)]
        ds: HasMany<D>,
    }
    #[derive(Clone, Debug, Default, Entity)]
    #[entity(table = "d")]
    struct D {
        #[key(auto)]
        id: i64,
        #[belongs_to]
        c: BelongsTo<C>,
        #[belongs_to]
        b: BelongsTo<Option<B>>,
    }
    db.engine.create_all(&schema![A, B, C, D]).await?;
    let mut session = db.engine.session();
    let ds = [D::default(), D::default(), D::default()].map(|d| session.add(d));
    let c = session.add(C { ds: ds.to_vec().into(), ..C::default() });
    let b = session.add(B { ds: ds.to_vec().into(), ..B::default() });
    let a = session.add(A { cs: vec![c].into(), ..A::default() });
    session.commit().await?;
    assert!(ds.iter().all(|&d| session[d].c.key() == Some(&1) && session[d].b.key() == Some(&1)));
    session.delete(a);
    db.log.clear();
    session.commit().await?;
    assert_eq!(
        sent(&db),
        ["DELETE FROM d WHERE id = ? x3", "DELETE FROM c WHERE id = ? x1", "DELETE FROM a WHERE id = ? x1"]
    );
    assert!(session[b].ds.is_empty(), "the B stays, without members");
    assert_eq!(keys(&db, "b").await?, [1]);
    Ok(())
}
