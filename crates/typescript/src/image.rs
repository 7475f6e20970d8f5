//! The image of a program's memory: 4-KiB pages that differ from those of the base, or of the image before.
//!
//! ```text
//!   0  magic                 8 bytes
//!   8  format                u32, little endian as all numbers here
//!  12  kind                  u32: 0 differs from the base, 1 from the image before
//!  16  base                  32 bytes: the hash of the image that all programs start from
//!  48  parent                32 bytes: the checksum of the image before; zeros for kind 0
//!  80  memory                u32: size of the memory, in 64-KiB pages
//!  84  stack pointer         u32: where it is at rest
//!  88  pages                 u32: how many pages follow
//!  92  body                  u32: its length
//!  96  checksum              32 bytes: BLAKE3 of all that stands before and of the body
//! 128  body                  zstd: page numbers (u32 each, ascending, counted from the top of the stack), then the
//!                            pages, each XORed with what it replaces, so that what is the same is zeros
//! ```
//! The stack at the bottom of memory is not in it: nothing runs when an image is taken.

use std::io::{Read, Write};

use bytes::Bytes;
use run::{Image, limits::SNAPSHOT_CHAIN};

use crate::built::{IMAGE_HASH, STACK};

/// A page of WebAssembly memory, in bytes.
pub const WASM_PAGE: usize = 64 << 10;
/// What is compared and kept: a page of the machine.
pub const PAGE: usize = 4 << 10;
const MAGIC: &[u8; 8] = b"QSTS\r\n\x1a\0";
const FORMAT: u32 = 1;
const HEADER: usize = 128;
const CHECKED: usize = 96;
const LEVEL: i32 = 1;

/// Images below this size (bytes of pages) are taken whole each time: comparing with a copy would cost more.
const WHOLE_BELOW: usize = 2 << 20;

/// What an image says of itself, checked.
pub struct Header {
    on_parent: bool,
    checksum: [u8; 32],
    /// The size of the memory in bytes, stack included.
    pub memory: usize,
    pages: usize,
}

/// The image given before, so that the next can be what differs from it.
pub struct Chain {
    checksum: [u8; 32],
    images: u32,
    /// The memory as it was, above the stack. Empty while the program is swapped out.
    pub memory: Vec<u8>,
}

/// The numbers of pages of `memory` that differ from `before`, which may be shorter: then it is zeros from there on.
fn changed(before: &[u8], memory: &[u8]) -> Vec<u32> {
    const ZEROS: [u8; PAGE] = [0; PAGE];
    let mut before = before.chunks_exact(PAGE);
    let pages = memory.chunks_exact(PAGE).enumerate();
    pages.filter(|(_, page)| *page != before.next().unwrap_or(&ZEROS)).map(|(n, _)| n as u32).collect()
}

fn page(memory: &[u8], n: u32) -> &[u8] {
    let at = n as usize * PAGE;
    memory.get(at..at + PAGE).unwrap_or(&[])
}

/// The image of `memory`. `chain` is the image before, if it was kept, and becomes this one.
pub fn take(base: &[u8], memory: &[u8], chain: &mut Option<Chain>) -> std::io::Result<Image> {
    let parent = chain.take().filter(|chain| chain.images < SNAPSHOT_CHAIN && chain.memory.len() <= memory.len());
    let Some(mut parent) = parent else {
        let pages = changed(base, memory);
        let (bytes, checksum) = encode(base, memory, &pages, None)?;
        if pages.len() * PAGE >= WHOLE_BELOW {
            *chain = Some(Chain { checksum, images: 1, memory: memory.to_vec() });
        }
        return Ok(Image { bytes, on_parent: false });
    };
    let pages = changed(&parent.memory, memory);
    let (bytes, checksum) = encode(&parent.memory, memory, &pages, Some(parent.checksum))?;
    parent.memory.resize(memory.len(), 0);
    for n in pages {
        let at = n as usize * PAGE;
        parent.memory[at..at + PAGE].copy_from_slice(&memory[at..at + PAGE]);
    }
    *chain = Some(Chain { checksum, images: parent.images + 1, memory: parent.memory });
    Ok(Image { bytes, on_parent: true })
}

/// Images that `memory` can be made from again, and nothing else; they make no chain longer. With a chain, the first is
/// that of the memory that the chain holds, so that the next image of the program can still build on it.
pub fn pack(base: &[u8], memory: &[u8], chain: Option<&Chain>) -> std::io::Result<Vec<Bytes>> {
    let first = chain.map_or(memory, |chain| &chain.memory);
    let (image, checksum) = encode(base, first, &changed(base, first), None)?;
    let mut images = vec![image];
    if let Some(before) = chain.map(|chain| &chain.memory) {
        images.push(encode(before, memory, &changed(before, memory), Some(checksum))?.0);
    }
    Ok(images)
}

fn encode(before: &[u8], memory: &[u8], pages: &[u32], parent: Option<[u8; 32]>) -> std::io::Result<(Bytes, [u8; 32])> {
    let size = pages.len() as u64 * (4 + PAGE as u64);
    let mut out = vec![0; HEADER];
    let mut encoder = zstd::stream::write::Encoder::new(out, LEVEL)?;
    encoder.set_pledged_src_size(Some(size))?;
    encoder.include_contentsize(true)?;
    for n in pages {
        encoder.write_all(&n.to_le_bytes())?;
    }
    let mut buffer = [0; PAGE];
    for &n in pages {
        let old = page(before, n);
        if old.is_empty() {
            encoder.write_all(page(memory, n))?;
        } else {
            for ((to, new), old) in buffer.iter_mut().zip(page(memory, n)).zip(old) {
                *to = new ^ old;
            }
            encoder.write_all(&buffer)?;
        }
    }
    out = encoder.finish()?;

    let body = (out.len() - HEADER) as u32;
    let numbers = |out: &mut [u8], at: usize, n: u32| out[at..at + 4].copy_from_slice(&n.to_le_bytes());
    out[..8].copy_from_slice(MAGIC);
    numbers(&mut out, 8, FORMAT);
    numbers(&mut out, 12, parent.is_some().into());
    out[16..48].copy_from_slice(&IMAGE_HASH);
    out[48..80].copy_from_slice(&parent.unwrap_or_default());
    numbers(&mut out, 80, ((memory.len() + STACK) / WASM_PAGE) as u32);
    numbers(&mut out, 84, STACK as u32);
    numbers(&mut out, 88, pages.len() as u32);
    numbers(&mut out, 92, body);
    let checksum = checksum(&out);
    out[CHECKED..HEADER].copy_from_slice(&checksum);
    Ok((out.into(), checksum))
}

fn checksum(image: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(&image[..CHECKED]).update(&image[HEADER..]).finalize().as_bytes()
}

/// Checks everything but the pages. `before` is the image that this one must build on, if it is not the first.
pub fn check(image: &[u8], before: Option<&Header>) -> Result<Header, String> {
    if image.len() < HEADER || !image.starts_with(MAGIC) {
        return Err("it is not an image of a TypeScript program, or is cut off".into());
    }
    let number = |at: usize| u32::from_le_bytes([image[at], image[at + 1], image[at + 2], image[at + 3]]);
    if number(8) != FORMAT {
        return Err(format!("its format is {}, and this engine reads {FORMAT}", number(8)));
    }
    if image.len() - HEADER != number(92) as usize {
        return Err("it is cut off, or something follows it".into());
    }
    if checksum(image) != image[CHECKED..HEADER] {
        return Err("its checksum does not match".into());
    }
    if image[16..48] != IMAGE_HASH || number(84) as usize != STACK {
        return Err("another engine made it".into());
    }
    let mut own = [0; 32];
    own.copy_from_slice(&image[CHECKED..HEADER]);
    let header = Header {
        on_parent: number(12) == 1,
        checksum: own,
        memory: number(80) as usize * WASM_PAGE,
        pages: number(88) as usize,
    };
    match before {
        None if header.on_parent => return Err("it builds on an image that is missing".into()),
        Some(_) if !header.on_parent => return Err("it does not build on the image before it".into()),
        Some(before) if image[48..80] != before.checksum => return Err("it builds on another image".into()),
        _ => {}
    }
    if header.memory < STACK || header.pages > (header.memory - STACK) / PAGE {
        return Err("it has more pages than its memory".into());
    }
    Ok(header)
}

/// Puts the pages into `memory` (above the stack), which holds what the image builds on.
pub fn apply(image: &[u8], header: &Header, memory: &mut [u8]) -> Result<(), String> {
    let damaged = |e: std::io::Error| format!("its pages cannot be read: {e}");
    let mut body = zstd::stream::read::Decoder::with_buffer(&image[HEADER..]).map_err(damaged)?;
    let mut numbers = vec![0; header.pages * 4];
    body.read_exact(&mut numbers).map_err(damaged)?;
    let mut buffer = [0; PAGE];
    let mut next = 0;
    for number in numbers.chunks_exact(4) {
        let n = u32::from_le_bytes([number[0], number[1], number[2], number[3]]) as usize;
        let page = n.checked_mul(PAGE).and_then(|at| memory.get_mut(at..at + PAGE));
        let (Some(page), true) = (page, n >= next) else { return Err(format!("page {n} is not one of its memory")) };
        next = n + 1;
        body.read_exact(&mut buffer).map_err(damaged)?;
        for (to, from) in page.iter_mut().zip(&buffer) {
            *to ^= from;
        }
    }
    match body.read(&mut buffer) {
        Ok(0) => Ok(()),
        Ok(_) => Err("something follows its pages".into()),
        Err(e) => Err(damaged(e)),
    }
}
