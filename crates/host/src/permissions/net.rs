//! Rules on hosts and ports.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use reqwest::Url;

/// Hosts and ports that one entry of a list stands for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NetRule {
    host: HostRule,
    port: Option<u16>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum HostRule {
    /// `:8080`: every host.
    Any,
    /// `example.com`, in lower case and punycode.
    Name(String),
    /// `*.example.com`: holds `.example.com`. The domain itself is not meant.
    Below(String),
    /// Addresses that share the first bits.
    Addresses(IpAddr, u8),
}

impl NetRule {
    /// Reads one entry; the error says what is wrong with it.
    pub fn parse(entry: &str) -> Result<Self, String> {
        if entry.contains("://") {
            return Err("write the host only, without a scheme: example.com".into());
        }
        let (host, port) = split_port(entry)?;
        if host.is_empty() {
            return match port {
                Some(_) => Ok(Self { host: HostRule::Any, port }),
                None => Err("it is empty".into()),
            };
        }
        if let Some((address, bits)) = host.split_once('/') {
            return Ok(Self { host: subnet(address, bits)?, port });
        }
        let (below, name) = match host.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, host),
        };
        let host = match (below, host_of(name)?) {
            (false, Host::Name(name)) => HostRule::Name(name),
            (true, Host::Name(name)) => HostRule::Below(format!(".{name}")),
            (false, Host::Address(ip)) => HostRule::Addresses(ip, width(ip)),
            (true, Host::Address(_)) => return Err("`*.` goes with a name, not with an address".into()),
        };
        Ok(Self { host, port })
    }

    fn port_is(&self, port: u16) -> bool {
        self.port.is_none_or(|own| own == port)
    }

    /// Whether it stands for this name, exactly or by a pattern.
    pub(super) fn matches_name(&self, host: &str, port: u16) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        self.port_is(port)
            && match &self.host {
                HostRule::Any => true,
                HostRule::Name(name) => name == host,
                HostRule::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
                HostRule::Addresses(..) => false,
            }
    }

    /// Whether it names exactly this host.
    pub(super) fn is_exactly(&self, host: &str, port: u16) -> bool {
        matches!(self.host, HostRule::Name(_)) && self.matches_name(host, port)
    }

    /// Whether it is an address or a range of addresses that holds `ip`.
    pub(super) fn matches_address(&self, ip: IpAddr, port: u16) -> bool {
        match self.host {
            HostRule::Addresses(base, bits) => self.port_is(port) && shares(base, ip, bits),
            _ => false,
        }
    }

    /// Whether it is only about this port.
    pub(super) fn matches_any_host(&self, port: u16) -> bool {
        self.host == HostRule::Any && self.port_is(port)
    }
}

impl fmt::Display for NetRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            HostRule::Any => {}
            HostRule::Name(name) => write!(f, "{name}")?,
            HostRule::Below(suffix) => write!(f, "*{suffix}")?,
            HostRule::Addresses(ip, bits) if *bits < width(*ip) => write!(f, "{ip}/{bits}")?,
            HostRule::Addresses(IpAddr::V4(ip), _) => write!(f, "{ip}")?,
            HostRule::Addresses(IpAddr::V6(ip), _) => write!(f, "[{ip}]")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

fn split_port(entry: &str) -> Result<(&str, Option<u16>), String> {
    if let Some(rest) = entry.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or("the bracket is not closed")?;
        if address.parse::<Ipv6Addr>().is_err() {
            return Err(format!("{address:?} is not an IPv6 address"));
        }
        return match after.strip_prefix(':') {
            Some(port) => Ok((address, Some(port_of(port)?))),
            None if after.is_empty() => Ok((address, None)),
            None => Err(format!("{after:?} after the bracket: a port is expected, as in [::1]:8080")),
        };
    }
    // More than one colon: an IPv6 address without brackets, and so without a port.
    match entry.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Ok((entry, None)),
        Some((host, port)) => Ok((host, Some(port_of(port)?))),
        None => Ok((entry, None)),
    }
}

fn port_of(text: &str) -> Result<u16, String> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse() {
        Ok(port) if plain && port != 0 => Ok(port),
        _ => Err(format!("{text:?} is not a port: 1 to 65535 is expected")),
    }
}

fn subnet(address: &str, bits: &str) -> Result<HostRule, String> {
    let ip: IpAddr = address.parse().map_err(|_| format!("{address:?} is not an address; paths cannot be granted"))?;
    match bits.parse::<u8>() {
        Ok(bits) if bits <= width(ip) => Ok(HostRule::Addresses(ip, bits)),
        _ => Err(format!("/{bits} is not a prefix of {ip}: 0 to {} is expected", width(ip))),
    }
}

enum Host {
    Name(String),
    Address(IpAddr),
}

/// Reads a host as a URL's host is read, so that a rule and a URL mean the same by the same text.
fn host_of(text: &str) -> Result<Host, String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(Host::Address(ip.to_canonical()));
    }
    let bad = || format!("{text:?} is not a host name");
    if text.contains(['/', '?', '#', '@', '\\', ' ', '*', ':', '%', '\t', '\n', '\r']) || text.starts_with('.') {
        return Err(bad());
    }
    let url = Url::parse(&format!("http://{text}/")).map_err(|_| bad())?;
    let host = url.host_str().ok_or_else(bad)?;
    if !host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        return Err(bad());
    }
    Ok(match host.parse::<IpAddr>() {
        Ok(ip) => Host::Address(ip),
        Err(_) => Host::Name(host.strip_suffix('.').unwrap_or(host).to_owned()),
    })
}

fn width(ip: IpAddr) -> u8 {
    if ip.is_ipv4() { 32 } else { 128 }
}

fn shares(base: IpAddr, ip: IpAddr, bits: u8) -> bool {
    let differ = match (base, ip) {
        (IpAddr::V4(a), IpAddr::V4(b)) => u128::from(u32::from(a) ^ u32::from(b)) << 96,
        (IpAddr::V6(a), IpAddr::V6(b)) => u128::from(a) ^ u128::from(b),
        _ => return false,
    };
    differ.leading_zeros() >= u32::from(bits)
}

/// How far away an address is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reach {
    Public,
    /// This machine, the local network, or addresses with no public meaning.
    Private,
    /// The same wire; in a cloud, the metadata service.
    LinkLocal,
}

pub(super) fn reach(ip: IpAddr) -> Reach {
    match ip.to_canonical() {
        IpAddr::V4(ip) => reach_v4(ip),
        IpAddr::V6(ip) => reach_v6(ip),
    }
}

fn reach_v4(ip: Ipv4Addr) -> Reach {
    let [a, b, c, _] = ip.octets();
    if ip.is_link_local() {
        return Reach::LinkLocal;
    }
    let private = ip.is_private()
        || a == 0
        || ip.is_loopback()
        || (a == 100 && (64..128).contains(&b)) // shared address space of providers
        || (a == 192 && b == 0 && c == 0) // protocol assignments
        || (a == 198 && (b & 0xfe) == 18) // benchmarks
        || ip.is_documentation()
        || a >= 224; // multicast, reserved, broadcast
    if private { Reach::Private } else { Reach::Public }
}

fn reach_v6(ip: Ipv6Addr) -> Reach {
    let s = ip.segments();
    if ip.is_unicast_link_local() {
        return Reach::LinkLocal;
    }
    let v4 = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match s {
        // NAT64, 6to4 and the old IPv4-compatible form carry an IPv4 address, and are as far away as it is.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => reach_v4(v4(high, low)),
        [0x2002, high, low, ..] => reach_v4(v4(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] => match reach_v4(v4(high, low)) {
            Reach::Public => Reach::Private,
            near => near,
        },
        // The cloud's metadata service over IPv6.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254] => Reach::LinkLocal,
        // Only 2000::/3 is handed out to the public; of it, documentation and Teredo are not.
        [0x2001, 0xdb8, ..] | [0x2001, 0, ..] => Reach::Private,
        [first, ..] if first & 0xe000 == 0x2000 => Reach::Public,
        _ => Reach::Private,
    }
}
