//! What goes along with an entity, in and out of the database: graphs of new values, orphans, and members with two parents.

use anyorm::prelude::*;
use anyorm::{Error, Result, Schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, keys_of, links, sent, settled};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    a_graph_of_new_values_is_taken_in_from_its_bottom,
    a_graph_of_new_values_is_taken_in_from_its_middle,
    a_member_that_leaves_one_of_two_parents_is_deleted,
    a_member_of_two_parents_goes_with_either,
    a_member_removed_and_given_back_before_the_flush_stays,
    a_member_removed_and_deleted_is_deleted_once,
    a_deleted_orphan_that_is_given_back_too_late_is_gone,
    a_savepoint_gives_an_orphan_back_which_then_goes_for_good,
    a_new_member_of_a_new_parent_that_leaves_is_never_stored,
    a_new_member_moves_from_a_new_parent_to_a_stored_one,
    members_moved_to_a_new_parent_survive_the_old_one,
    one_to_one_chains_go_with_their_head,
    a_replaced_one_to_one_takes_its_chain_along,
    two_owners_exchange_what_would_be_orphans,
    a_one_to_one_moves_away_from_an_owner_that_is_deleted,
    a_branch_moves_up_while_its_parent_is_deleted,
    an_orphan_leaves_a_loaded_collection_of_its_other_parent,
    children_that_the_database_empties_stay_when_their_parent_is_an_orphan,
    deleting_all_members_and_then_the_parent_is_one_commit,
    a_member_moves_away_from_a_deleted_parent_by_a_push_alone,
    recover_keeps_a_member_that_moved_away_from_a_deleted_parent,
    recover_keeps_members_queued_on_collections_that_were_not_loaded,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "accounts")]
struct Account {
    #[key(auto)]
    id: i64,
    #[has_many(Customer::ACCOUNT, delete_orphan)]
    customers: HasMany<Customer>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "sellers")]
struct Seller {
    #[key(auto)]
    id: i64,
    #[has_many(Customer::SELLER, delete_orphan)]
    customers: HasMany<Customer>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "customers")]
struct Customer {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    account: BelongsTo<Option<Account>>,
    #[belongs_to]
    seller: BelongsTo<Option<Seller>>,
    #[has_many(Note::CUSTOMER)]
    notes: HasMany<Note>,
    #[has_one(Profile::CUSTOMER, delete_orphan)]
    profile: HasOne<Profile>,
}

/// Stays without its customer.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "notes")]
struct Note {
    #[key(auto)]
    id: i64,
    #[belongs_to(on_delete = set_null)]
    customer: BelongsTo<Option<Customer>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "profiles")]
struct Profile {
    #[key(auto)]
    id: i64,
    #[belongs_to(unique)]
    customer: BelongsTo<Customer>,
    #[has_one(Picture::PROFILE, delete_orphan)]
    picture: HasOne<Picture>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "pictures")]
struct Picture {
    #[key(auto)]
    id: i64,
    #[belongs_to(unique)]
    profile: BelongsTo<Profile>,
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

fn all() -> Schema {
    schema![Account, Seller, Customer, Note, Profile, Picture, Twig]
}

/// An account and a seller with the customers 1 and 2, each of them with a profile and a picture; customer 1 has a note.
async fn stored(db: &Database) -> Result<Session> {
    db.engine.create_all(&all()).await?;
    elsewhere(db, "INSERT INTO accounts VALUES (1), (2)").await?;
    elsewhere(db, "INSERT INTO sellers VALUES (1)").await?;
    elsewhere(db, "INSERT INTO customers VALUES (1, 1, 1), (2, 1, 1)").await?;
    elsewhere(db, "INSERT INTO notes VALUES (1, 1)").await?;
    elsewhere(db, "INSERT INTO profiles VALUES (1, 1), (2, 2)").await?;
    elsewhere(db, "INSERT INTO pictures VALUES (1, 1), (2, 2)").await?;
    db.engine.advance_keys(&all()).await?;
    db.log.clear();
    Ok(db.engine.session())
}

async fn account(session: &mut Session) -> Result<(Handle<Account>, Vec<Handle<Customer>>)> {
    let query = Account::select().filter(Account::ID.eq(1));
    let path = Account::CUSTOMERS.then(Customer::PROFILE.then(Profile::PICTURE));
    let account = session.one(query.with(path)).await?;
    let customers = session[account].customers.to_vec();
    Ok((account, customers))
}

/// The keys of customers, profiles and pictures.
async fn chains(db: &Database) -> Result<[Vec<i64>; 3]> {
    Ok([keys_of(db, "customers").await?, keys_of(db, "profiles").await?, keys_of(db, "pictures").await?])
}

async fn a_graph_of_new_values_is_taken_in_from_its_bottom(db: Database) -> Result<()> {
    db.engine.create_all(&all()).await?;
    let mut session = db.engine.session();
    let customer = Customer { account: Account::default().into(), ..Customer::default() };
    let profile = Profile { customer: customer.into(), ..Profile::default() };
    let picture = session.add(Picture { profile: profile.into(), ..Picture::default() });
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(chains(&db).await?, [[1], [1], [1]]);
    let profile = session[picture].profile.handle().expect("taken in");
    let customer = session[profile].customer.handle().expect("taken in");
    let account = session[customer].account.handle().expect("taken in");
    assert_eq!(session[account].customers.loaded(), Some(&[customer][..]), "the other side knows them");
    assert_eq!(session[profile].picture.loaded(), Some(Some(picture)));
    settled(&db, &mut session).await
}

async fn a_graph_of_new_values_is_taken_in_from_its_middle(db: Database) -> Result<()> {
    db.engine.create_all(&all()).await?;
    let mut session = db.engine.session();
    let customer = session.add(Customer {
        account: Account { customers: vec![Customer::default()].into(), ..Account::default() }.into(),
        notes: vec![Note::default(), Note::default()].into(),
        profile: Profile { picture: Picture::default().into(), ..Profile::default() }.into(),
        ..Customer::default()
    });
    session.commit().await?;
    assert_eq!(chains(&db).await?, [vec![1, 2], vec![1], vec![1]]);
    assert_eq!(keys_of(&db, "notes").await?, [1, 2]);
    let account = session[customer].account.handle().expect("taken in");
    assert_eq!(session[account].customers.len(), 2, "the one it came with, and the one it came by");
    settled(&db, &mut session).await
}

async fn a_member_that_leaves_one_of_two_parents_is_deleted(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let (account, customers) = account(&mut session).await?;
    session[account].customers.remove(customers[0]);
    session.commit().await?;
    assert_eq!(chains(&db).await?, [[2], [2], [2]]);
    assert_eq!(keys_of(&db, "notes").await?, [1], "the note stays without it");
    settled(&db, &mut session).await
}

async fn a_member_of_two_parents_goes_with_either(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let seller = session.get_one::<Seller>(1).await?;
    session.delete(seller);
    session.commit().await?;
    assert_eq!(chains(&db).await?, [vec![0; 0], vec![], vec![]]);
    assert_eq!(keys_of(&db, "accounts").await?, [1, 2]);
    settled(&db, &mut session).await
}

async fn a_member_removed_and_given_back_before_the_flush_stays(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let (account, customers) = account(&mut session).await?;
    session[account].customers.clear();
    session.changes()?;
    session[account].customers.push(customers[1]);
    session[account].customers.push(customers[0]);
    settled(&db, &mut session).await?;
    assert_eq!(keys_of(&db, "customers").await?, [1, 2]);
    Ok(())
}

async fn a_member_removed_and_deleted_is_deleted_once(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let (account, customers) = account(&mut session).await?;
    session[account].customers.remove(customers[0]);
    session.delete(customers[0]);
    db.log.clear();
    session.commit().await?;
    assert_eq!(
        sent(&db),
        [
            "DELETE FROM pictures WHERE id = ? x1",
            "DELETE FROM profiles WHERE id = ? x1",
            "DELETE FROM customers WHERE id = ? x1"
        ]
    );
    settled(&db, &mut session).await
}

async fn a_deleted_orphan_that_is_given_back_too_late_is_gone(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let (account, customers) = account(&mut session).await?;
    session[account].customers.remove(customers[0]);
    session.flush().await?;
    session[account].customers.push(customers[0]);
    session.commit().await?;
    assert_eq!(session[account].customers.loaded(), Some(&customers[1..]), "as in the database");
    assert_eq!(chains(&db).await?, [[2], [2], [2]]);
    settled(&db, &mut session).await
}

async fn a_savepoint_gives_an_orphan_back_which_then_goes_for_good(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let (account, customers) = account(&mut session).await?;
    let mut inner = session.begin_nested().await?;
    inner[account].customers.remove(customers[0]);
    inner.flush().await?;
    inner.rollback().await?;
    assert_eq!(session[account].customers.loaded(), Some(&customers[..]));
    session[account].customers.remove(customers[0]);
    session.commit().await?;
    assert_eq!(chains(&db).await?, [[2], [2], [2]]);
    assert!(session.peek(customers[0]).is_none());
    settled(&db, &mut session).await
}

async fn a_new_member_of_a_new_parent_that_leaves_is_never_stored(db: Database) -> Result<()> {
    db.engine.create_all(&all()).await?;
    let mut session = db.engine.session();
    let parts = vec![Customer::default(), Customer::default()];
    let account = session.add(Account { customers: parts.into(), ..Account::default() });
    session[account].customers.remove_at(0);
    session.commit().await?;
    assert_eq!(keys_of(&db, "customers").await?, [1], "the other one");
    settled(&db, &mut session).await
}

async fn a_new_member_moves_from_a_new_parent_to_a_stored_one(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let (account, customers) = account(&mut session).await?;
    let new = session.add(Account { customers: vec![Customer::default()].into(), ..Account::default() });
    let moved = session[new].customers.remove_at(0);
    session[account].customers.push(moved);
    session.commit().await?;
    assert_eq!(session[account].customers.loaded(), Some(&[customers[0], customers[1], moved][..]));
    assert!(session[new].customers.is_empty());
    let of_account = Customer::select().filter(Customer::ACCOUNT_ID.eq(1));
    assert_eq!(db.engine.count(of_account).await?, 3);
    settled(&db, &mut session).await
}

async fn members_moved_to_a_new_parent_survive_the_old_one(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let (account, customers) = account(&mut session).await?;
    let heir = session.add(Account { customers: customers.clone().into(), ..Account::default() });
    session.delete(account);
    session.commit().await?;
    assert_eq!(session[heir].id, 3);
    assert_eq!(keys_of(&db, "accounts").await?, [2, 3]);
    assert_eq!(chains(&db).await?, [[1, 2], [1, 2], [1, 2]]);
    assert_eq!(db.engine.count(Customer::select().filter(Customer::ACCOUNT_ID.eq(3))).await?, 2);
    settled(&db, &mut session).await
}

async fn one_to_one_chains_go_with_their_head(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let customer = session.get_one::<Customer>(1).await?;
    session.delete(customer);
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 3, "profiles, pictures, and the flush");
    assert_eq!(chains(&db).await?, [[2], [2], [2]]);
    settled(&db, &mut session).await
}

async fn a_replaced_one_to_one_takes_its_chain_along(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let (_, customers) = account(&mut session).await?;
    session[customers[0]].profile =
        Profile { picture: Picture::default().into(), ..Profile::default() }.into();
    session.commit().await?;
    let [_, profiles, pictures] = chains(&db).await?;
    assert_eq!((profiles.len(), pictures.len()), (2, 2), "{profiles:?} {pictures:?}");
    assert_eq!(db.engine.count(Profile::select().filter(Profile::CUSTOMER_ID.eq(1))).await?, 1);
    settled(&db, &mut session).await
}

/// Both links are required and unique: the rows cannot be told apart by any order, so the flush says so and sends nothing.
async fn two_owners_exchange_what_would_be_orphans(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let (_, customers) = account(&mut session).await?;
    let profiles = [0, 1].map(|at| session[customers[at]].profile.handle());
    session[customers[0]].profile = profiles[1].into();
    session[customers[1]].profile = profiles[0].into();
    db.log.clear();
    let error = session.commit().await.unwrap_err();
    assert!(matches!(error, Error::Circular(_)), "{error}");
    assert!(error.to_string().contains("Profile 1") && error.to_string().contains("Profile 2"), "{error}");
    assert_eq!(db.log.hops(), 0);
    session.rollback().await?;
    assert_eq!(session[customers[0]].profile.handle(), profiles[0]);
    settled(&db, &mut session).await
}

async fn a_one_to_one_moves_away_from_an_owner_that_is_deleted(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let (_, customers) = account(&mut session).await?;
    let profile = session[customers[0]].profile.handle().expect("loaded");
    let heir = session.add(Customer::default());
    session.link(heir, Customer::PROFILE, profile);
    session.delete(customers[0]);
    session.commit().await?;
    assert_eq!(chains(&db).await?, [[2, 3], [1, 2], [1, 2]]);
    assert_eq!(session[profile].customer.key(), Some(&3));
    settled(&db, &mut session).await
}

async fn a_branch_moves_up_while_its_parent_is_deleted(db: Database) -> Result<()> {
    db.engine.create_all(&all()).await?;
    elsewhere(&db, "INSERT INTO twigs VALUES (1, NULL), (2, 1), (3, 2), (4, 3), (5, 2)").await?;
    let mut session = db.engine.session();
    let path = Twig::CHILDREN.then(Twig::CHILDREN.then(Twig::CHILDREN));
    let root = session.one(Twig::select().filter(Twig::ID.eq(1)).with(path)).await?;
    let parent = session[root].children.first().expect("one");
    let branch = session[parent].children.first().expect("two");
    session.link(branch, Twig::PARENT, root);
    session.delete(parent);
    session.commit().await?;
    assert_eq!(keys_of(&db, "twigs").await?, [1, 3, 4], "its other child went with it");
    assert_eq!(session[root].children.loaded(), Some(&[branch][..]));
    settled(&db, &mut session).await
}

async fn an_orphan_leaves_a_loaded_collection_of_its_other_parent(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let (account, customers) = account(&mut session).await?;
    let seller = session.one(Seller::select().with(Seller::CUSTOMERS)).await?;
    session[account].customers.remove(customers[0]);
    session.flush().await?;
    assert_eq!(session[seller].customers.loaded(), Some(&customers[1..]));
    session.rollback().await?;
    assert_eq!(session[seller].customers.loaded(), Some(&customers[..]));
    session[seller].customers.clear();
    session.commit().await?;
    assert!(session[account].customers.is_empty());
    settled(&db, &mut session).await
}

async fn children_that_the_database_empties_stay_when_their_parent_is_an_orphan(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let (account, customers) = account(&mut session).await?;
    let note = session.get_one::<Note>(1).await?;
    session[account].customers.remove(customers[0]);
    session.commit().await?;
    assert!(session[note].customer.is_empty(), "as in the database");
    settled(&db, &mut session).await
}

async fn deleting_all_members_and_then_the_parent_is_one_commit(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let (account, customers) = account(&mut session).await?;
    for customer in customers {
        session.delete(customer);
    }
    session.delete(account);
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1, "all of them were there: {:?}", sent(&db));
    assert_eq!(chains(&db).await?, [vec![0; 0], vec![], vec![]]);
    settled(&db, &mut session).await
}

async fn recover_keeps_a_member_that_moved_away_from_a_deleted_parent(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let (account, customers) = account(&mut session).await?;
    let heir = session.get_one::<Account>(2).await?;
    session[heir].customers.push(customers[0]);
    session.delete(account);
    session.flush().await?;
    session.recover().await?;
    session.commit().await?;
    assert_eq!(chains(&db).await?, [[1], [1], [1]]);
    assert_eq!(session[customers[0]].account.handle(), Some(heir));
    settled(&db, &mut session).await
}

async fn a_member_moves_away_from_a_deleted_parent_by_a_push_alone(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let (account, customers) = account(&mut session).await?;
    let heir = session.get_one::<Account>(2).await?;
    session[heir].customers.push(customers[0]);
    session.delete(account);
    session.commit().await?;
    assert_eq!(chains(&db).await?, [[1], [1], [1]]);
    assert_eq!(session[customers[0]].account.handle(), Some(heir));
    settled(&db, &mut session).await
}

async fn recover_keeps_members_queued_on_collections_that_were_not_loaded(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    elsewhere(&db, "INSERT INTO twigs VALUES (1, NULL), (2, 1), (3, 1), (4, 1)").await?;
    let twigs = session.all(Twig::select().order_by(Twig::ID)).await?;
    session[twigs[1]].children.push(twigs[2]);
    session[twigs[0]].children.remove(twigs[3]);
    for _ in 0..2 {
        session.flush().await?;
        session.recover().await?;
        assert_eq!(session.changes()?.to_string(), "update Twig 3: parent_id\ndelete Twig 4");
    }
    session.commit().await?;
    assert_eq!(links(&db, "twigs", "parent_id").await?, [(1, None), (2, Some(1)), (3, Some(2))]);
    settled(&db, &mut session).await
}
