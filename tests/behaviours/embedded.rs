//! Structs whose fields are columns of an entity.

use anyorm::prelude::*;
use anyorm::{Result, schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, sent};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    embedded_columns_are_stored_and_read,
    only_the_embedded_column_that_changed_is_written,
    embedded_columns_filter_order_and_select,
    embedded_columns_are_set_by_update_and_upsert,
    a_rollback_brings_embedded_values_back,
    entities_with_embedded_columns_are_joined,
    an_embedded_value_that_does_not_fit_names_its_column,
    an_embedded_column_that_is_out_of_scope_is_told_as_it_is_written,
    nulls_and_defaults_of_embedded_columns,
];

#[derive(Clone, Debug, Default, PartialEq, Embedded)]
struct Address {
    street: String,
    #[column(index)]
    city: String,
}

#[derive(Clone, Debug, Default, PartialEq, Embedded)]
struct Contact {
    #[column(name = "mail")]
    email: Option<String>,
    #[column(default = 7)]
    calls: i32,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "embedded_customers")]
struct Customer {
    #[key(auto)]
    id: i64,
    name: String,
    #[version]
    version: i64,
    #[embedded]
    home: Address,
    #[embedded(prefix = "work_")]
    office: Address,
    #[embedded(prefix = "")]
    contact: Contact,
    #[has_many(Order::CUSTOMER)]
    orders: HasMany<Order>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "embedded_orders")]
struct Order {
    #[key(auto)]
    id: i64,
    #[belongs_to(on_delete = cascade)]
    customer: BelongsTo<Customer>,
    #[embedded]
    to: Address,
}

fn address(street: &str, city: &str) -> Address {
    Address { street: street.to_owned(), city: city.to_owned() }
}

fn ada() -> Customer {
    Customer {
        name: "Ada".into(),
        home: address("Square", "London"),
        office: address("Via", "Turin"),
        contact: Contact { email: Some("ada@x".into()), calls: 3 },
        ..Default::default()
    }
}

/// Ada (1) of London, who has an office in Turin, and Bob (2) of Paris, who has none.
async fn stored(db: &Database) -> Result<Session> {
    db.engine.create_all(&schema![Customer, Order]).await?;
    let mut session = db.engine.session();
    session.add(ada());
    session.commit().await?;
    let bob = Customer { name: "Bob".into(), home: address("Rue", "Paris"), ..Default::default() };
    db.engine.insert_many([bob]).await?;
    db.log.clear();
    Ok(db.engine.session())
}

async fn embedded_columns_are_stored_and_read(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let names = Customer::meta().columns.iter().map(|column| column.name).collect::<Vec<_>>();
    let expected =
        ["id", "name", "version", "home_street", "home_city", "work_street", "work_city", "mail", "calls"];
    assert_eq!(names, expected);
    let first = session.get_one::<Customer>(1).await?;
    let found = &session[first];
    assert_eq!((&found.home, &found.office, &found.contact), (&ada().home, &ada().office, &ada().contact));
    let raw =
        sql("SELECT home_street, home_city, work_city, mail, calls FROM embedded_customers ORDER BY id");
    let raw = db.engine.all(raw.returning::<(String, String, String, Option<String>, i32)>()).await?;
    assert_eq!(raw[0], ("Square".into(), "London".into(), "Turin".into(), Some("ada@x".into()), 3));
    assert_eq!(raw[1], ("Rue".into(), "Paris".into(), String::new(), None, 0));
    let whole = sql("SELECT * FROM embedded_customers ORDER BY id").entities::<Customer>();
    assert_eq!(db.engine.all(whole).await?[0].office.city, "Turin");
    Ok(())
}

async fn only_the_embedded_column_that_changed_is_written(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let first = session.get_one::<Customer>(1).await?;
    db.log.clear();
    session[first].office.city = "Milan".into();
    session[first].home.city = "London".into();
    session.commit().await?;
    let update = sent(&db).into_iter().find(|sql| sql.contains("UPDATE")).expect("an update");
    assert!(
        update.contains("work_city") && !update.contains("home") && !update.contains("work_street"),
        "{update}"
    );
    assert_eq!(db.engine.one(Customer::select().filter(Customer::ID.eq(1))).await?.office.city, "Milan");
    Ok(())
}

async fn embedded_columns_filter_order_and_select(db: Database) -> Result<()> {
    stored(&db).await?;
    let cities = Customer::select().order_by(Customer::HOME.city().desc()).columns(Customer::HOME.city());
    assert_eq!(db.engine.all(cities).await?, ["Paris", "London"]);
    let of_turin = Customer::select()
        .filter(Customer::OFFICE.city().eq("Turin") & Customer::CONTACT.email().is_not_null());
    assert_eq!(db.engine.one(of_turin).await?.name, "Ada");
    let streets = sql!("SELECT {} FROM embedded_customers ORDER BY {Customer::ID}", Customer::HOME.street());
    assert_eq!(db.engine.all(streets.returning::<String>()).await?, ["Square", "Rue"]);
    Ok(())
}

async fn embedded_columns_are_set_by_update_and_upsert(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let first = session.get_one::<Customer>(1).await?;
    let update = Customer::update().set(Customer::HOME.city(), "Bath").filter(Customer::ID.eq(1));
    assert_eq!(session.execute(update).await?, 1);
    assert_eq!(session[first].home.city, "Bath");
    session.commit().await?;
    let changed = Customer { id: 1, home: address("Lane", "York"), ..ada() };
    let upsert = Customer::insert().value(changed).on_conflict(Customer::ID).do_update(Customer::HOME.city());
    let stored = db.engine.one(upsert.returning_all()).await?;
    assert_eq!((stored.home, stored.office), (address("Square", "York"), ada().office));
    Ok(())
}

async fn a_rollback_brings_embedded_values_back(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let first = session.get_one::<Customer>(1).await?;
    session[first].home = address("Lane", "York");
    session.flush().await?;
    session[first].contact.calls += 1;
    session.rollback().await?;
    assert_eq!((&session[first].home, session[first].contact.calls), (&ada().home, 3));
    Ok(())
}

async fn entities_with_embedded_columns_are_joined(db: Database) -> Result<()> {
    let mut session = stored(&db).await?;
    let first = session.get_one::<Customer>(1).await?;
    session.add(Order { customer: first.into(), to: address("Quay", "Genoa"), ..Default::default() });
    session.commit().await?;
    let mut session = db.engine.session();
    let customers = session.all(Customer::select().order_by(Customer::ID).with(Customer::ORDERS)).await?;
    let order = session[customers[0]].orders.loaded().expect("loaded")[0];
    assert_eq!(session[order].to, address("Quay", "Genoa"));
    let orders = session.all(Order::select().with(Order::CUSTOMER.joined())).await?;
    assert_eq!(orders, [order]);
    let places = Order::select().join(Order::CUSTOMER).columns((Order::TO.city(), Customer::HOME.city()));
    assert_eq!(session.all(places).await?, [("Genoa".to_owned(), "London".to_owned())]);
    Ok(())
}

async fn an_embedded_value_that_does_not_fit_names_its_column(db: Database) -> Result<()> {
    stored(&db).await?;
    let wrong = "SELECT id, name, version, home_street, home_city, work_street, work_city, mail, 'x' AS calls \
                 FROM embedded_customers";
    let error = db.engine.all(sql(wrong).entities::<Customer>()).await.unwrap_err().to_string();
    assert!(error.starts_with("cannot read Customer.calls: expected an integer"), "{error}");
    Ok(())
}

async fn an_embedded_column_that_is_out_of_scope_is_told_as_it_is_written(db: Database) -> Result<()> {
    stored(&db).await?;
    let error = db.engine.all(Order::select().filter(Customer::HOME.city().eq("London"))).await.unwrap_err();
    assert!(
        error.to_string().contains("Customer.home.city is a column of table embedded_customers"),
        "{error}"
    );
    let joined = Order::select().left_join(Order::CUSTOMER).columns(Customer::HOME.city());
    let error = db.engine.all(joined).await.unwrap_err().to_string();
    assert!(error.contains("select `Customer::HOME.city().optional()`"), "{error}");
    Ok(())
}

async fn nulls_and_defaults_of_embedded_columns(db: Database) -> Result<()> {
    stored(&db).await?;
    elsewhere(
        &db,
        "INSERT INTO embedded_customers (name, version, home_street, home_city, work_street, work_city) \
         VALUES ('Cid', 1, '', '', '', '')",
    )
    .await?;
    let cid = db.engine.one(Customer::select().filter(Customer::NAME.eq("Cid"))).await?;
    assert_eq!(cid.contact, Contact { email: None, calls: 7 });
    let indexes = schema![Customer, Order].create(&anyorm::POSTGRES)?.join("\n");
    assert!(indexes.contains(r#"("home_city")"#) && indexes.contains(r#"("work_city")"#), "{indexes}");
    Ok(())
}
