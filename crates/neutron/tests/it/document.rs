//! docs/neutron-snapshot.md against the code: the table of instructions, and a second reader that knows only the page.

use neutron::stepping;

const PAGE: &str = include_str!("../../../../docs/neutron-snapshot.md");

#[test]
fn the_page_lists_the_instructions() {
    for (number, name, fields) in stepping::instructions() {
        let row = format!("| {number} | {name} | {fields} |");
        assert!(PAGE.lines().any(|line| line == row), "the page lacks {row}");
    }
    let table = PAGE.split("### Instructions").nth(1).unwrap().split("## Values").next().unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| number"));
    assert_eq!(rows.count(), stepping::instructions().len());
}

/// Reads by the page, and by nothing else.
struct Page<'a>(&'a [u8]);

impl<'a> Page<'a> {
    fn take(&mut self, n: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(n);
        self.0 = rest;
        taken
    }

    fn u8(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn bool(&mut self) -> bool {
        match self.u8() {
            0 => false,
            1 => true,
            n => panic!("{n} is no bool"),
        }
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take(4).try_into().unwrap())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take(8).try_into().unwrap())
    }

    fn u32s(&mut self, n: usize) {
        (0..n).for_each(|_| {
            self.u32();
        });
    }

    fn bytes(&mut self) -> &'a [u8] {
        let n = self.u32() as usize;
        self.take(n)
    }

    fn text(&mut self) -> &'a str {
        std::str::from_utf8(self.bytes()).unwrap()
    }

    fn option(&mut self) {
        if self.bool() {
            self.text();
        }
    }

    fn list(&mut self, mut one: impl FnMut(&mut Self)) -> u32 {
        let n = self.u32();
        (0..n).for_each(|_| one(self));
        n
    }

    fn value(&mut self) {
        let bits = self.u64();
        assert!(bits < 0xfff9_0000_0000_0000 || (bits >> 32) & 0xffff <= 12, "{bits:x}");
    }

    fn values(&mut self) -> u32 {
        self.list(Self::value)
    }

    fn section(&mut self, number: u32) -> Page<'a> {
        assert_eq!((self.u32(), self.u32()), (number, 0));
        let length = self.u64() as usize;
        Page(self.take(length))
    }

    fn program(&mut self) -> u32 {
        self.list(|p| {
            p.text();
            p.text();
            p.u32();
        });
        self.u32();
        self.list(|p| match p.u8() {
            0 => {
                p.u64();
            }
            1 | 2 => {
                p.text();
            }
            3 => {}
            n => panic!("constant of kind {n}"),
        });
        self.list(|p| {
            p.text();
        });
        let globals = self.list(|p| {
            p.text();
            p.u32();
        });
        self.list(Self::function);
        globals
    }

    fn function(&mut self) {
        self.text();
        self.u32s(4);
        self.bool();
        self.list(|p| {
            p.take(8);
        });
        self.list(|p| p.u32s(2));
        self.list(|p| {
            p.u32s(3);
            p.u8();
            p.bool();
        });
        self.list(|p| {
            assert!(p.u8() <= 1);
            p.u32();
        });
        self.list(|p| {
            p.text();
            p.u8();
            p.u32s(2);
        });
    }

    fn members(&mut self) {
        self.list(|p| {
            p.u32();
            p.value();
        });
    }

    fn object(&mut self, kind: u8) {
        match kind {
            1 => {
                self.bool();
                self.text();
            }
            2 => {
                self.values();
            }
            3 => self.members(),
            4 => {
                self.u32s(2);
                self.list(|p| {
                    p.u32();
                });
            }
            6 => {
                self.u32s(2);
                self.members();
                self.list(|p| {
                    p.u32();
                });
                self.value();
            }
            7 => {
                self.u32();
                self.values();
            }
            8 => {
                self.value();
                self.value();
            }
            10 => {
                self.bytes();
            }
            11 => self.value(),
            12 => self.task(),
            13 => {
                self.text();
            }
            14 => self.u32s(2),
            n => panic!("object of kind {n}"),
        }
    }

    fn task(&mut self) {
        self.u32();
        (0..3).for_each(|_| {
            self.bool();
        });
        match self.u8() {
            0 | 3 | 4 => {}
            1 => {
                self.u64();
                match self.u8() {
                    0 => {
                        self.u64();
                    }
                    1 | 2 => {
                        self.text();
                    }
                    n => panic!("effect of kind {n}"),
                }
            }
            2 => {
                self.u32();
            }
            n => panic!("waits for {n}"),
        }
        self.u32();
        self.list(|p| {
            p.u32s(4);
            assert!(p.u8() <= 2);
        });
        self.values();
        self.values();
        (0..3).for_each(|_| self.value());
    }

    fn world(&mut self) {
        self.take(32);
        self.u64();
        (0..4).for_each(|_| {
            self.u64();
        });
        self.bool();
        self.bool();
        self.u64();
        self.u64();
        self.text();
        self.list(|p| {
            p.text();
        });
        self.option();
        self.bool();
        assert!(self.u8() <= 3);
        self.option();
        self.bool();
        self.bool();
        self.u64();
        self.bool();
    }
}

/// Every byte of a snapshot is one that the page speaks of.
pub fn read_by_the_page(file: &[u8]) {
    let mut page = Page(file);
    assert_eq!(page.take(8), b"NTRNSNAP");
    assert_eq!((page.u32(), page.u32()), (1, 0));
    assert_eq!(page.u64() as usize, file.len() - 40);
    let mut sum = xxhash_rust::xxh3::Xxh3::new();
    sum.update(&file[..24]);
    sum.update(&file[40..]);
    assert_eq!(page.take(16), sum.digest128().to_le_bytes());
    let mut section = page.section(1);
    let globals = section.program();
    assert!(section.0.is_empty());
    let mut section = page.section(2);
    let mut kinds = Vec::new();
    section.list(|p| kinds.push(p.u8()));
    kinds.iter().for_each(|kind| section.object(*kind));
    assert!(section.0.is_empty());
    let mut section = page.section(3);
    section.list(|p| {
        p.u32();
    });
    section.list(|p| {
        p.u32();
    });
    section.u32s(2);
    section.bool();
    match section.u8() {
        0 => {}
        1 => {
            section.text();
            section.text();
        }
        2 => {
            section.text();
        }
        n => panic!("method of kind {n}"),
    }
    assert_eq!(section.values(), globals);
    assert!(section.0.is_empty());
    let mut section = page.section(4);
    section.world();
    assert!(section.0.is_empty());
    let mut section = page.section(5);
    section.list(|p| {
        p.text();
    });
    section.list(|p| {
        p.text();
    });
    assert!(section.0.is_empty() && page.0.is_empty());
}
