//! What a peer has in its hands, as one number: the sum of the CRC-32 of each row, so that the order does not matter.

/// Made outside of what is measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksum(pub u64);

impl Checksum {
    pub fn user(&mut self, id: i64, name: &str, email: &str, age: Option<i64>, score: f64) {
        self.add(&format!("user|{id}|{name}|{email}|{}|{}", text(age), quarters(score)));
    }

    pub fn parent(&mut self, id: i64, name: &str, age: Option<i64>) {
        self.add(&format!("parent|{id}|{name}|{}", text(age)));
    }

    pub fn child(&mut self, id: i64, parent_id: i64, title: &str, pages: i64) {
        self.add(&format!("child|{id}|{parent_id}|{title}|{pages}"));
    }

    pub fn account(&mut self, id: i64, owner: &str, balance: i64) {
        self.add(&format!("account|{id}|{owner}|{balance}"));
    }

    pub fn audit(&mut self, id: i64, account_id: i64, amount: i64) {
        self.add(&format!("audit|{id}|{account_id}|{amount}"));
    }

    /// The keys of four rows that refer to each other: top, left, right, bottom.
    pub fn diamond(&mut self, keys: [i64; 4]) {
        let [top, left, right, bottom] = keys;
        self.add(&format!("diamond|{top}|{left}|{right}|{bottom}"));
    }

    /// A row of one of these tables, as it is stored; 0 where it refers to nothing.
    pub fn corner(&mut self, id: i64, name: &str, refers_to: [i64; 2]) {
        self.add(&format!("corner|{id}|{name}|{}|{}", refers_to[0], refers_to[1]));
    }

    /// One more row of a stream, which is gone afterwards.
    pub fn light(&mut self, row: u64) {
        self.0 = self.0.wrapping_add(row);
    }

    fn add(&mut self, row: &str) {
        self.0 = self.0.wrapping_add(u64::from(crc32(row.as_bytes())));
    }
}

/// A number of a row that costs nothing, for streams: there it is part of what is measured.
pub fn light(id: i64, name: &str, email: &str, age: Option<i64>, score: f64) -> u64 {
    (id + name.len() as i64 + email.len() as i64 + age.unwrap_or(-1) + quarters(score)) as u64
}

fn text(number: Option<i64>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// Scores are multiples of a quarter.
fn quarters(score: f64) -> i64 {
    (score * 4.0) as i64
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| (crc >> 8) ^ TABLE[usize::from(crc as u8 ^ byte)])
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < 256 {
        let mut entry = at as u32;
        let mut bit = 0;
        while bit < 8 {
            entry = if entry & 1 == 1 { (entry >> 1) ^ 0xEDB8_8320 } else { entry >> 1 };
            bit += 1;
        }
        table[at] = entry;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    #[test]
    fn crc32_is_that_of_everybody() {
        assert_eq!(super::crc32(b"123456789"), 0xCBF4_3926);
    }
}
