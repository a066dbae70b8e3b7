//! Times as people write and read them; elsewhere they are Unix seconds.
//!
//! ```
//! use glarus::time;
//!
//! let at = time::parse("2026-11-21T09:12:00Z").unwrap();
//! assert_eq!(time::utc(at), "2026-11-21 at 09:12 UTC");
//! ```

const DAY_S: u64 = 86_400;
/// 9999-12-31T23:59:59Z: the last second whose year has four digits.
const LAST: u64 = 253_402_300_799;

/// Writes a time: `2026-11-21 at 09:12 UTC`; as a bare number from the year 10,000 on.
pub fn utc(seconds: u64) -> String {
    if seconds > LAST {
        return format!("second {seconds}");
    }
    let (year, month, day) = date(seconds / DAY_S);
    let minutes = seconds % DAY_S / 60;
    format!("{year:04}-{month:02}-{day:02} at {:02}:{:02} UTC", minutes / 60, minutes % 60)
}

/// Reads Unix seconds, `2026-11-21` or `2026-11-21T09:12:00Z`; `None` if it is anything else.
pub fn parse(text: &str) -> Option<u64> {
    let digits = |text: &str, count: usize| {
        let plain = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
        if plain { text.parse::<u64>().ok() } else { None }
    };
    if let Some(seconds) = digits(text, text.len()) {
        return Some(seconds);
    }
    let (day, clock) = match text.split_once('T') {
        Some((day, clock)) => (day, clock.strip_suffix('Z')?),
        None => (text, "00:00:00"),
    };
    let [year, month, day] = <[&str; 3]>::try_from(day.split('-').collect::<Vec<_>>()).ok()?;
    let [hour, minute, second] = <[&str; 3]>::try_from(clock.split(':').collect::<Vec<_>>()).ok()?;
    let day = days(digits(year, 4)?, digits(month, 2)?, digits(day, 2)?)?;
    let (hour, minute, second) = (digits(hour, 2)?, digits(minute, 2)?, digits(second, 2)?);
    let valid = hour < 24 && minute < 60 && second < 60;
    valid.then_some(day * DAY_S + hour * 3_600 + minute * 60 + second)
}

/// Year, month and day of a day since 1970-01-01.
fn date(mut day: u64) -> (u64, u64, u64) {
    let mut year = 1970;
    // 400 years have 146,097 days; the rest is stepped through.
    year += day / 146_097 * 400;
    day %= 146_097;
    while day >= year_days(year) {
        day -= year_days(year);
        year += 1;
    }
    let mut month = 1;
    while day >= month_days(year, month) {
        day -= month_days(year, month);
        month += 1;
    }
    (year, month, day + 1)
}

/// Days from 1970-01-01 to a date; `None` if there is no such date.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if year < 1970 || !(1..=12).contains(&month) || !(1..=month_days(year, month)).contains(&day) {
        return None;
    }
    let years: u64 = (1970..year).map(year_days).sum();
    let months: u64 = (1..month).map(|month| month_days(year, month)).sum();
    Some(years + months + day - 1)
}

fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn year_days(year: u64) -> u64 {
    if leap(year) { 366 } else { 365 }
}

fn month_days(year: u64, month: u64) -> u64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_reads_back() {
        for day in (0..LAST / DAY_S).step_by(997).chain([LAST / DAY_S]) {
            let (year, month, date) = date(day);
            assert_eq!(days(year, month, date), Some(day));
            assert_eq!(parse(&format!("{year:04}-{month:02}-{date:02}")), Some(day * DAY_S));
        }
        assert_eq!(utc(LAST), "9999-12-31 at 23:59 UTC");
        assert_eq!(utc(LAST + 1), "second 253402300800");
        assert_eq!(utc(951_782_400), "2000-02-29 at 00:00 UTC");
        assert_eq!(utc(1_795_430_000), "2026-11-23 at 10:33 UTC");
    }

    #[test]
    fn what_is_no_time() {
        assert_eq!(parse("1795430000"), Some(1_795_430_000));
        for bad in ["", "x", "2026-02-29", "2026-13-01", "2026-1-1", "2026-11-21T24:00:00Z", "2026-11-21T09:12Z", "-1"]
        {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
