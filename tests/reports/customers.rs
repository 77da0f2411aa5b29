//! Who buys.

use anyorm::expr::{partition_by, rank};
use anyorm::prelude::*;
use anyorm::{count, max, min, sum};

use crate::entities::{Customer, Employee, Genre, Invoice, InvoiceLine, Track};
use crate::shop::in_shop;

#[test]
fn top_three_of_each_country() {
    in_shop(async |shop| {
        let totals = Customer::select()
            .join(Customer::INVOICES)
            .group_by((Customer::ID, Customer::COUNTRY, Customer::FIRST_NAME, Customer::LAST_NAME))
            .columns((
                Customer::COUNTRY,
                Customer::FIRST_NAME,
                Customer::LAST_NAME,
                sum(Invoice::TOTAL),
                rank().over(partition_by(Customer::COUNTRY).order_by(sum(Invoice::TOTAL).desc())),
            ))
            .derived();
        let (country, first, last, _, place) = totals.columns();
        let report = totals.select().filter(place.le(3)).order_by((country, place, last, first));
        let rows = shop
            .report(
                report,
                "SELECT country, first, last, money, place
                 FROM (SELECT c.Country AS country, c.FirstName AS first, c.LastName AS last, sum(i.Total) AS money,
                         rank() OVER (PARTITION BY c.Country ORDER BY sum(i.Total) DESC) AS place
                     FROM Customer c JOIN Invoice i USING (CustomerId)
                     GROUP BY c.CustomerId, c.Country, c.FirstName, c.LastName)
                 WHERE place <= 3 ORDER BY country, place, last, first",
            )
            .await?;
        assert!(rows.iter().filter(|row| row.0.as_deref() == Some("USA")).count() >= 3);
        assert_eq!(rows[0].4, 1);
        Ok(())
    });
}

#[test]
fn first_and_last_purchase_and_lifetime_value() {
    in_shop(async |shop| {
        let report = Customer::select()
            .left_join(Customer::SUPPORT)
            .join(Customer::INVOICES)
            .group_by((Customer::ID, Customer::LAST_NAME, Employee::LAST_NAME))
            .having(sum(Invoice::TOTAL).gt(40.0) & count(Invoice::ID).ge(2))
            .columns((
                Customer::LAST_NAME,
                Employee::LAST_NAME.optional(),
                min(Invoice::DATE),
                max(Invoice::DATE),
                count(Invoice::ID),
                sum(Invoice::TOTAL),
            ))
            .order_by((sum(Invoice::TOTAL).desc(), Customer::ID));
        let rows = shop
            .report(
                report,
                "SELECT c.LastName, e.LastName, min(i.InvoiceDate), max(i.InvoiceDate), count(*), sum(i.Total)
                 FROM Customer c LEFT JOIN Employee e ON e.EmployeeId = c.SupportRepId
                     JOIN Invoice i ON i.CustomerId = c.CustomerId
                 GROUP BY c.CustomerId, c.LastName, e.LastName
                 HAVING sum(i.Total) > 40.0 AND count(*) >= 2
                 ORDER BY sum(i.Total) DESC, c.CustomerId",
            )
            .await?;
        assert!(rows.len() < 59, "not every customer spent so much");
        Ok(())
    });
}

/// Set operations: of two genres, who bought one and never the other.
#[test]
fn rock_and_never_jazz() {
    in_shop(async |shop| {
        let buyers_of = |genre: &'static str| {
            InvoiceLine::select()
                .join(InvoiceLine::INVOICE.then(Invoice::CUSTOMER))
                .join(InvoiceLine::TRACK.then(Track::GENRE))
                .filter(Genre::NAME.eq(genre))
                .columns((Customer::LAST_NAME, Customer::FIRST_NAME))
        };
        let report = buyers_of("Rock").except(buyers_of("Jazz")).order_by(|names| names);
        let of = |genre| {
            format!(
                "SELECT c.LastName, c.FirstName FROM Customer c JOIN Invoice i USING (CustomerId)
                     JOIN InvoiceLine l USING (InvoiceId) JOIN Track t USING (TrackId) JOIN Genre g USING (GenreId)
                 WHERE g.Name = '{genre}'"
            )
        };
        let by_hand = format!("{} EXCEPT {} ORDER BY 1, 2", of("Rock"), of("Jazz"));
        shop.report(report, &by_hand).await?;
        Ok(())
    });
}
