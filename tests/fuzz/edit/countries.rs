//! Countries, whose keys change, and cities, which refer to them in four ways.

use super::{Child, Edit, Side};
use crate::entities::{City, Country};
use crate::op::Op;
use crate::world::{CityRow, pick};

impl Edit<'_> {
    pub(super) fn countries(&mut self, op: Op) -> Option<bool> {
        match op {
            Op::AddCountry { code } => {
                let code = self.free_code(code)?;
                let at = self.handles.countries.len();
                self.handles
                    .countries
                    .push(self.session.add(Country { code: code.clone(), ..Country::default() }));
                self.world.countries.insert(at, code);
            }
            Op::SetCode { country, code } => {
                let (at, code) = (pick(&self.world.countries, country)?, self.free_code(code)?);
                self.session[self.handles.countries[at]].code.clone_from(&code);
                self.world.countries.insert(at, code);
            }
            Op::DeleteCountry { country } => {
                let at = pick(&self.world.countries, country)?;
                let taken_in = self.world.cities.iter().any(|(&city, row)| {
                    row.country == at && self.was_taken_in(Child::CityOf(city))
                        || row.twin == Some(at) && self.was_taken_in(Child::Twin(city))
                });
                if taken_in || self.is_followed(at) {
                    return None;
                }
                self.session.delete(self.handles.countries[at]);
                self.world.countries.remove(&at);
            }
            Op::AddCity { country, other, link } => {
                let (country, other) =
                    (pick(&self.world.countries, country)?, pick(&self.world.countries, other)?);
                let on = |n: u8| (link == n).then_some(other);
                let row = CityRow { country, ruler: on(1), owner: on(2), twin: on(3) };
                let countries = &self.handles.countries;
                let to = |link: Option<usize>| link.map(|at| countries[at]).into();
                let value = City {
                    country: countries[country].into(),
                    ruler: to(row.ruler),
                    owner: to(row.owner),
                    twin: to(row.twin),
                    ..City::default()
                };
                let at = self.handles.cities.len();
                self.handles.cities.push(self.session.add(value));
                if row.twin.is_some() {
                    self.take_side(Child::Twin(at), Side::Field)?;
                }
                self.world.cities.insert(at, row);
                self.take_side(Child::CityOf(at), Side::Field)?;
            }
            Op::SetCity { city, country, link } => {
                let (at, to) = self.change_city(city, country, link, Side::Field)?;
                let (city, country) = (self.handles.cities[at], self.handles.countries[to]);
                match link % 4 {
                    0 => self.session[city].country = country.into(),
                    1 => self.session[city].ruler = country.into(),
                    2 => self.session[city].owner = country.into(),
                    _ => self.session[city].twin = country.into(),
                }
            }
            Op::PushCity { city, country, twin } => {
                let (at, to) = self.change_city(city, country, if twin { 3 } else { 0 }, Side::Collection)?;
                let (city, country) = (self.handles.cities[at], self.handles.countries[to]);
                match twin {
                    true => self.session[country].twins.push(city),
                    false => self.session[country].cities.push(city),
                }
            }
            Op::LinkCity { city, country, link } => {
                // The last two are the first and the fourth, from the other side.
                let field = [0, 1, 2, 3, 0, 3][usize::from(link % 6)];
                let (at, to) = self.change_city(city, country, field, Side::Both)?;
                let (city, country) = (self.handles.cities[at], self.handles.countries[to]);
                match link % 6 {
                    0 => self.session.link(city, City::COUNTRY, country),
                    1 => self.session.link(city, City::RULER, country),
                    2 => self.session.link(city, City::OWNER, country),
                    3 => self.session.link(city, City::TWIN, country),
                    4 => self.session.link(country, Country::CITIES, city),
                    _ => self.session.link(country, Country::TWINS, city),
                }
            }
            Op::TakeTwin { city } => {
                let (at, country) = self.leave_twin(city, Side::Collection)?;
                self.session[self.handles.countries[country]].twins.remove(self.handles.cities[at]);
            }
            Op::UnlinkTwin { city, by_country } => {
                let (at, country) = self.leave_twin(city, Side::Both)?;
                let (city, country) = (self.handles.cities[at], self.handles.countries[country]);
                match by_country {
                    true => self.session.unlink(country, Country::TWINS, city),
                    false => self.session.unlink(city, City::TWIN, country),
                }
            }
            Op::DeleteCity { city } => {
                let at = pick(&self.world.cities, city)?;
                self.session.delete(self.handles.cities[at]);
                self.world.cities.remove(&at);
            }
            _ => return Some(false),
        }
        Some(true)
    }

    /// Whether another country has the code of the row already: if this one were deleted, its row would go on as the
    /// other's, and with it the cities.
    fn is_followed(&self, at: usize) -> bool {
        let Some(code) = self.flushed.countries.get(&at) else { return false };
        self.world.countries.iter().any(|(&other, own)| other != at && own == code)
    }

    /// A code that is not given up by a country that is being deleted: whose row would go on, and with it the cities.
    fn free_code(&self, code: u8) -> Option<String> {
        let code = format!("C{code}");
        let mut gone = self.flushed.countries.iter().filter(|(at, _)| !self.world.countries.contains_key(at));
        if gone.any(|(_, given_up)| *given_up == code) { None } else { Some(code) }
    }

    fn change_city(&mut self, city: u8, country: u8, link: u8, side: Side) -> Option<(usize, usize)> {
        let (at, to) = (pick(&self.world.cities, city)?, pick(&self.world.countries, country)?);
        match link % 4 {
            0 => self.take_side(Child::CityOf(at), side)?,
            3 => self.take_side(Child::Twin(at), side)?,
            _ => {}
        }
        let row = self.world.cities.get_mut(&at)?;
        match link % 4 {
            0 => row.country = to,
            1 => row.ruler = Some(to),
            2 => row.owner = Some(to),
            _ => row.twin = Some(to),
        }
        Some((at, to))
    }

    fn leave_twin(&mut self, city: u8, side: Side) -> Option<(usize, usize)> {
        let at = pick(&self.world.cities, city)?;
        let country = self.world.cities[&at].twin.filter(|twin| self.world.countries.contains_key(twin))?;
        self.knows("city", at)?;
        self.take_side(Child::Twin(at), side)?;
        self.world.cities.get_mut(&at)?.twin = None;
        Some((at, country))
    }
}
