//! Relations of unusual shapes: two to one table, keys that are links, graphs of a table with itself, keys of several columns.

use anyorm::prelude::*;
use anyorm::{Error, Hooks, Result, Schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, keys_of, links, sent, settled};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    both_links_to_one_new_row_are_one_insert,
    two_links_of_one_row_change_places,
    a_target_of_two_links_empties_both_when_it_goes,
    a_member_is_in_both_collections_of_one_parent,
    a_key_goes_through_three_tables_in_one_flush,
    the_tail_of_a_shared_key_is_deleted_alone,
    a_head_of_a_shared_key_goes_with_its_tails,
    edges_of_a_graph_are_added_with_their_nodes,
    a_node_goes_with_its_edges_of_both_directions,
    an_edge_is_turned_round,
    an_edge_removed_from_one_end_leaves_the_other,
    a_manager_and_their_staff_by_composite_keys,
    a_composite_link_moves_within_its_own_table,
    a_composite_link_is_emptied_when_its_target_goes,
    a_composite_link_that_leads_nowhere_names_its_columns,
    a_text_key_changes_and_its_children_follow,
    a_text_key_changes_while_a_child_moves_to_it,
    a_new_parent_takes_the_text_key_that_a_renamed_one_left,
    two_entities_that_lead_to_each_other_are_deleted,
    an_expression_and_a_link_are_one_update,
    a_hook_before_an_insert_sees_what_its_parent_is,
    hooks_of_deletes_run_once_for_a_member_that_is_an_orphan_and_deleted,
    a_hook_that_moves_a_member_is_part_of_the_flush,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "addresses")]
struct Address {
    #[key(auto)]
    id: i64,
    #[has_many(Order::SHIP_TO)]
    shipped: HasMany<Order>,
    #[has_many(Order::BILL_TO)]
    billed: HasMany<Order>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "orders")]
struct Order {
    #[key(auto)]
    id: i64,
    total: i64,
    #[belongs_to]
    ship_to: BelongsTo<Option<Address>>,
    #[belongs_to]
    bill_to: BelongsTo<Option<Address>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "people")]
struct Person {
    #[key(auto)]
    id: i64,
    #[has_one(Employee::PERSON)]
    employee: HasOne<Employee>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "employees")]
struct Employee {
    #[key]
    #[belongs_to(on_delete = cascade)]
    person: BelongsTo<Person>,
    #[has_one(Manager::EMPLOYEE)]
    manager: HasOne<Manager>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "managers")]
struct Manager {
    #[key]
    #[belongs_to(on_delete = cascade)]
    employee: BelongsTo<Employee>,
    title: String,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "points")]
struct Point {
    #[key(auto)]
    id: i64,
    #[has_many(Edge::LOWER, delete_orphan)]
    up: HasMany<Edge>,
    #[has_many(Edge::UPPER, delete_orphan)]
    down: HasMany<Edge>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "edges")]
struct Edge {
    #[key]
    #[belongs_to]
    lower: BelongsTo<Point>,
    #[key]
    #[belongs_to]
    upper: BelongsTo<Point>,
    weight: i64,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "staff")]
struct Staff {
    #[key]
    company: i32,
    #[key]
    number: i32,
    name: String,
    #[belongs_to(columns("boss_company", "boss_number"))]
    boss: BelongsTo<Option<Staff>>,
    #[has_many(Staff::BOSS)]
    reports: HasMany<Staff>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "countries")]
struct Country {
    #[key]
    code: String,
    #[has_many(City::COUNTRY)]
    cities: HasMany<City>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "cities")]
struct City {
    #[key(auto)]
    id: i64,
    name: String,
    #[belongs_to]
    country: BelongsTo<Option<Country>>,
}

fn all() -> Schema {
    schema![Address, Order, Person, Employee, Manager, Point, Edge, Staff, Country, City]
}

async fn stored(db: &Database) -> Result<Session> {
    db.engine.create_all(&all()).await?;
    elsewhere(db, "INSERT INTO addresses VALUES (1), (2)").await?;
    elsewhere(db, "INSERT INTO orders VALUES (1, 10, 1, 2), (2, 20, 1, 1)").await?;
    elsewhere(db, "INSERT INTO people VALUES (1), (2)").await?;
    elsewhere(db, "INSERT INTO employees VALUES (1), (2)").await?;
    elsewhere(db, "INSERT INTO managers VALUES (1, 'chief')").await?;
    elsewhere(db, "INSERT INTO points VALUES (1), (2), (3)").await?;
    elsewhere(db, "INSERT INTO edges VALUES (1, 2, 5), (2, 3, 6), (1, 3, 7)").await?;
    let staff = "(1, 1, 'boss', NULL, NULL), (1, 2, 'a', 1, 1), (1, 3, 'b', 1, 1), (2, 1, 'c', 1, 2)";
    elsewhere(db, &format!("INSERT INTO staff VALUES {staff}")).await?;
    elsewhere(db, "INSERT INTO countries VALUES ('at'), ('de')").await?;
    elsewhere(db, "INSERT INTO cities VALUES (1, 'Vienna', 'at'), (2, 'Graz', 'at'), (3, 'Bonn', 'de')")
        .await?;
    db.engine.advance_keys(&all()).await?;
    db.log.clear();
    Ok(db.engine.session())
}

async fn edges(db: &Database) -> Result<Vec<(i64, i64, i64)>> {
    let query = Edge::select().order_by((Edge::LOWER_ID, Edge::UPPER_ID));
    db.engine.all(query.columns((Edge::LOWER_ID, Edge::UPPER_ID, Edge::WEIGHT))).await
}

async fn cities(db: &Database) -> Result<Vec<(String, Option<String>)>> {
    db.engine.all(City::select().order_by(City::ID).columns((City::NAME, City::COUNTRY_ID))).await
}

fn named(expected: &[(&str, &str)]) -> Vec<(String, Option<String>)> {
    expected.iter().map(|&(city, country)| (city.to_owned(), Some(country.to_owned()))).collect()
}

/// Company, number, and the same of the boss.
async fn bosses(db: &Database) -> Result<Vec<(i32, i32, Option<i32>, Option<i32>)>> {
    let query = Staff::select().order_by((Staff::COMPANY, Staff::NUMBER));
    let columns = (Staff::COMPANY, Staff::NUMBER, Staff::BOSS_COMPANY, Staff::BOSS_NUMBER);
    db.engine.all(query.columns(columns)).await
}

async fn both_links_to_one_new_row_are_one_insert(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let address = session.add(Address::default());
    let order = session.add(Order { ship_to: address.into(), bill_to: address.into(), ..Order::default() });
    session.commit().await?;
    assert_eq!(sent(&db).len(), 2, "{:?}", sent(&db));
    assert_eq!(links(&db, "orders", "bill_to_id").await?[2], (3, Some(3)));
    assert_eq!(links(&db, "orders", "ship_to_id").await?[2], (3, Some(3)));
    assert!(session[address].shipped.contains(order) && session[address].billed.contains(order));
    settled(&db, &mut session).await
}

async fn two_links_of_one_row_change_places(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let query = Order::select().filter(Order::ID.eq(1)).with(Order::SHIP_TO).with(Order::BILL_TO);
    let order = session.one(query).await?;
    let order_value = &mut session[order];
    std::mem::swap(&mut order_value.ship_to, &mut order_value.bill_to);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["UPDATE orders SET ship_to_id = ?, bill_to_id = ? WHERE id = ? x1"]);
    settled(&db, &mut session).await
}

async fn a_target_of_two_links_empties_both_when_it_goes(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let orders = session.all(Order::select().order_by(Order::ID)).await?;
    let address = session.get_one::<Address>(1).await?;
    session.delete(address);
    session.commit().await?;
    assert_eq!(links(&db, "orders", "ship_to_id").await?, [(1, None), (2, None)]);
    assert_eq!(links(&db, "orders", "bill_to_id").await?, [(1, Some(2)), (2, None)]);
    assert!(session[orders[1]].ship_to.is_empty() && session[orders[1]].bill_to.is_empty());
    assert_eq!(session[orders[0]].bill_to.key(), Some(&2));
    settled(&db, &mut session).await
}

async fn a_member_is_in_both_collections_of_one_parent(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let query = Address::select().filter(Address::ID.eq(1));
    let address = session.one(query.with(Address::SHIPPED).with(Address::BILLED)).await?;
    let order = session[address].billed.first().expect("one");
    session[address].billed.remove(order);
    session.commit().await?;
    assert!(session[address].shipped.contains(order), "the other relation is not concerned");
    assert_eq!(session[order].ship_to.key(), Some(&1));
    assert!(session[order].bill_to.is_empty());
    settled(&db, &mut session).await
}

async fn a_key_goes_through_three_tables_in_one_flush(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let manager = Manager { title: "new".into(), ..Manager::default() };
    let employee = Employee { manager: manager.into(), ..Employee::default() };
    let person = session.add(Person { employee: employee.into(), ..Person::default() });
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    let manager = session.get_one::<Manager>(3).await?;
    assert_eq!(db.log.hops(), 1, "its key is known");
    assert_eq!(session[manager].title, "new");
    let employee = session[person].employee.handle().expect("taken in");
    assert_eq!(session[employee].manager.handle(), Some(manager));
    settled(&db, &mut session).await
}

async fn the_tail_of_a_shared_key_is_deleted_alone(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let path = Person::EMPLOYEE.then(Employee::MANAGER);
    let person = session.one(Person::select().filter(Person::ID.eq(1)).with(path)).await?;
    let employee = session[person].employee.handle().expect("loaded");
    let manager = session[employee].manager.handle().expect("loaded");
    session.delete(manager);
    session.commit().await?;
    assert_eq!(session[employee].manager.handle(), None);
    assert_eq!(db.engine.count(Employee::select()).await?, 2);
    session[employee].manager = Manager { title: "again".into(), ..Manager::default() }.into();
    session.commit().await?;
    let titles = db.engine.all(Manager::select().columns((Manager::EMPLOYEE_ID, Manager::TITLE))).await?;
    assert_eq!(titles, [(1, "again".to_owned())]);
    settled(&db, &mut session).await
}

async fn a_head_of_a_shared_key_goes_with_its_tails(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let person = session.get_one::<Person>(1).await?;
    let employee = session.get_one::<Employee>(1).await?;
    let manager = session.get_one::<Manager>(1).await?;
    session.delete(person);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM people WHERE id = ? x1"]);
    assert!(session.peek(employee).is_none() && session.peek(manager).is_none());
    assert_eq!(db.engine.count(Manager::select()).await?, 0);
    settled(&db, &mut session).await
}

async fn edges_of_a_graph_are_added_with_their_nodes(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let old = session.get_one::<Point>(1).await?;
    let new = session.add(Point::default());
    session.add(Edge { lower: old.into(), upper: new.into(), weight: 8 });
    session.add(Edge { lower: new.into(), upper: old.into(), weight: 9 });
    session.add(Edge { lower: new.into(), upper: new.into(), weight: 10 });
    session.commit().await?;
    let expected = [(1, 2, 5), (1, 3, 7), (1, 4, 8), (2, 3, 6), (4, 1, 9), (4, 4, 10)];
    assert_eq!(edges(&db).await?, expected);
    assert_eq!((session[new].up.len(), session[new].down.len()), (2, 2));
    settled(&db, &mut session).await
}

async fn a_node_goes_with_its_edges_of_both_directions(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let query = Point::select().order_by(Point::ID).with(Point::UP).with(Point::DOWN);
    let points = session.all(query).await?;
    session.delete(points[1]);
    session.commit().await?;
    assert_eq!(edges(&db).await?, [(1, 3, 7)]);
    assert_eq!((session[points[0]].up.len(), session[points[2]].down.len()), (1, 1));
    settled(&db, &mut session).await
}

async fn an_edge_is_turned_round(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let query = Point::select().order_by(Point::ID).with(Point::UP).with(Point::DOWN);
    let points = session.all(query).await?;
    let edge = session.get_one::<Edge>((1, 2)).await?;
    session[edge].lower = points[1].into();
    session[edge].upper = points[0].into();
    session.commit().await?;
    assert_eq!(edges(&db).await?, [(1, 3, 7), (2, 1, 5), (2, 3, 6)]);
    assert!(session[points[1]].up.contains(edge) && session[points[0]].down.contains(edge));
    assert!(!session[points[0]].up.contains(edge) && !session[points[1]].down.contains(edge));
    assert_eq!(session.get::<Edge>((2, 1)).await?, Some(edge));
    assert_eq!(session.get::<Edge>((1, 2)).await?, None);
    settled(&db, &mut session).await
}

async fn an_edge_removed_from_one_end_leaves_the_other(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let query = Point::select().order_by(Point::ID).with(Point::UP).with(Point::DOWN);
    let points = session.all(query).await?;
    let edge = session.get_one::<Edge>((1, 3)).await?;
    session[points[0]].up.remove(edge);
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db), ["DELETE FROM edges WHERE lower_id = ? AND upper_id = ? x1"]);
    assert_eq!(session[points[2]].down.len(), 1);
    settled(&db, &mut session).await
}

async fn a_manager_and_their_staff_by_composite_keys(db: Database) -> Result<()> {
    db.engine.create_all(&all()).await?;
    let mut session = db.engine.session();
    let worker = |number| Staff { company: 3, number, ..Staff::default() };
    let team = Staff { reports: vec![worker(9), worker(4)].into(), ..worker(5) };
    let boss = session.add(Staff { reports: vec![team, worker(2)].into(), ..worker(7) });
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    let (of_boss, of_team) = ((Some(3), Some(7)), (Some(3), Some(5)));
    let expected = [(2, of_boss), (4, of_team), (5, of_boss), (7, (None, None)), (9, of_team)];
    assert_eq!(bosses(&db).await?, expected.map(|(number, (company, boss))| (3, number, company, boss)));
    assert_eq!(session[boss].reports.len(), 2);
    settled(&db, &mut session).await
}

async fn a_composite_link_moves_within_its_own_table(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let boss = session.one(Staff::select().filter(Staff::NAME.eq("boss")).with(Staff::REPORTS)).await?;
    let c = session.get_one::<Staff>((2, 1)).await?;
    session[boss].reports.push(c);
    db.log.clear();
    session.commit().await?;
    let update = "UPDATE staff SET boss_company = ?, boss_number = ? WHERE company = ? AND number = ? x1";
    assert_eq!(sent(&db), [update], "a link is written as a whole");
    assert_eq!(bosses(&db).await?[3], (2, 1, Some(1), Some(1)));
    settled(&db, &mut session).await
}

async fn a_composite_link_is_emptied_when_its_target_goes(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let (boss, a) = (session.get_one::<Staff>((1, 1)).await?, session.get_one::<Staff>((1, 2)).await?);
    session.delete(boss);
    session.commit().await?;
    assert!(session[a].boss.is_empty());
    let expected = [(1, 2, None, None), (1, 3, None, None), (2, 1, Some(1), Some(2))];
    assert_eq!(bosses(&db).await?, expected);
    settled(&db, &mut session).await
}

async fn a_composite_link_that_leads_nowhere_names_its_columns(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let a = session.get_one::<Staff>((1, 2)).await?;
    session[a].boss = BelongsTo::to_key((7, 7));
    let error = session.commit().await.unwrap_err();
    let text = error.to_string();
    assert!(error.constraint().is_some(), "{text}");
    assert!(text.contains("Staff (1, 2)") && text.contains("boss_company"), "{text}");
    session.recover().await?;
    session[a].boss = BelongsTo::to_key((2, 1));
    session.commit().await?;
    settled(&db, &mut session).await
}

async fn a_text_key_changes_and_its_children_follow(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let at = session.one(Country::select().filter(Country::CODE.eq("at")).with(Country::CITIES)).await?;
    session[at].code = "oe".into();
    session[at].cities.push(City { name: "Linz".into(), ..City::default() });
    session.commit().await?;
    assert_eq!(
        cities(&db).await?,
        named(&[("Vienna", "oe"), ("Graz", "oe"), ("Bonn", "de"), ("Linz", "oe")])
    );
    let members = session[at].cities.to_vec();
    assert!(members.iter().all(|&city| session[city].country.key().is_some_and(|key| key == "oe")));
    assert_eq!(session.get::<Country>("oe").await?, Some(at));
    assert_eq!(session.get::<Country>("at").await?, None);
    settled(&db, &mut session).await
}

async fn a_text_key_changes_while_a_child_moves_to_it(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let at = session.get_one::<Country>("at").await?;
    let bonn = session.get_one::<City>(3).await?;
    session[at].code = "oe".into();
    session[bonn].country = at.into();
    session.commit().await?;
    assert_eq!(cities(&db).await?, named(&[("Vienna", "oe"), ("Graz", "oe"), ("Bonn", "oe")]));
    settled(&db, &mut session).await
}

async fn two_entities_that_lead_to_each_other_are_deleted(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let (boss, a) = (session.get_one::<Staff>((1, 1)).await?, session.get_one::<Staff>((1, 2)).await?);
    session[boss].boss = a.into();
    session.commit().await?;
    session.delete(boss);
    session.delete(a);
    session.commit().await?;
    assert_eq!(bosses(&db).await?, [(1, 3, None, None), (2, 1, None, None)]);
    settled(&db, &mut session).await
}

async fn an_expression_and_a_link_are_one_update(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let order = session.get_one::<Order>(1).await?;
    session[order].ship_to = BelongsTo::to_key(2);
    session.set(order, Order::TOTAL, Order::TOTAL * 3)?;
    db.log.clear();
    session.commit().await?;
    assert_eq!(sent(&db).len(), 1, "{:?}", sent(&db));
    assert_eq!((session[order].total, session[order].ship_to.key()), (30, Some(&2)));
    settled(&db, &mut session).await
}

async fn a_hook_before_an_insert_sees_what_its_parent_is(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    session.listen_to(Hooks::<City>::new().before_insert(|city| match city.country.is_empty() {
        true => Err(Error::other(format!("{} is nowhere", city.name))),
        false => Ok(()),
    }));
    let at = session.get_one::<Country>("at").await?;
    let linz = session.add(City { name: "Linz".into(), ..City::default() });
    session.link(at, Country::CITIES, linz);
    session.add(City { name: "Graz".into(), country: at.into(), ..City::default() });
    session.commit().await?;
    let lost = session.add(City { name: "Atlantis".into(), ..City::default() });
    let error = session.commit().await.unwrap_err().to_string();
    assert!(error.contains("Atlantis is nowhere"), "{error}");
    session.link(at, Country::CITIES, lost);
    session.commit().await?;
    settled(&db, &mut session).await
}

async fn hooks_of_deletes_run_once_for_a_member_that_is_an_orphan_and_deleted(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let times = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = times.clone();
    session.listen_to(Hooks::<Edge>::new().before_delete(move |_| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(())
    }));
    let query = Point::select().order_by(Point::ID).with(Point::UP).with(Point::DOWN);
    let points = session.all(query).await?;
    let edge = session.get_one::<Edge>((1, 2)).await?;
    session[points[0]].up.remove(edge);
    session[points[1]].down.remove(edge);
    session.delete(edge);
    session.delete(points[0]);
    session.commit().await?;
    assert_eq!(times.load(std::sync::atomic::Ordering::Relaxed), 2, "(1, 2) and (1, 3)");
    assert_eq!(edges(&db).await?, [(2, 3, 6)]);
    assert_eq!(keys_of(&db, "points").await?, [2, 3]);
    settled(&db, &mut session).await
}

async fn a_hook_that_moves_a_member_is_part_of_the_flush(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let query = Country::select().order_by(Country::CODE).with(Country::CITIES);
    let countries = session.all(query).await?;
    let de = countries[1];
    session.listen_to(Hooks::<City>::new().before_update(move |city, _| {
        city.country = de.into();
        Ok(())
    }));
    let graz = session.get_one::<City>(2).await?;
    session[graz].name = "GRAZ".into();
    session.commit().await?;
    assert_eq!(cities(&db).await?, named(&[("Vienna", "at"), ("GRAZ", "de"), ("Bonn", "de")]));
    assert!(session[de].cities.contains(graz) && !session[countries[0]].cities.contains(graz));
    settled(&db, &mut session).await
}

async fn a_new_parent_takes_the_text_key_that_a_renamed_one_left(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let old = session.get_one::<Country>("at").await?;
    let graz = session.get_one::<City>(2).await?;
    session[old].code = "oe".into();
    let new = session.add(Country { code: "at".into(), ..Country::default() });
    session[graz].country = new.into();
    session.commit().await?;
    assert_eq!(cities(&db).await?, named(&[("Vienna", "oe"), ("Graz", "at"), ("Bonn", "de")]));
    assert_eq!(session.get::<Country>("at").await?, Some(new));
    settled(&db, &mut session).await
}
