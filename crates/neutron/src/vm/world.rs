//! What a program has from the world and keeps: clock, random numbers, arguments, folder, settings of the log.

use run::Seed;

/// A generator of pseudo-random numbers: xoshiro256** by Blackman and Vigna.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rng {
    pub state: [u64; 4],
    /// Seeded by the program: a fork draws the same numbers.
    pub by_program: bool,
    /// The second of a pair of normal deviates.
    pub spare: Option<f64>,
}

impl Rng {
    pub fn from_number(seed: u64, by_program: bool) -> Self {
        let mut x = seed;
        let state = std::array::from_fn(|_| {
            // splitmix64 fills the state from any seed, zero too.
            x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = x;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^ (z >> 31)
        });
        Self { state, by_program, spare: None }
    }

    pub fn bits(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// In [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// In 0..n, each equally likely; 0 for n = 0.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 {
            return 0;
        }
        let limit = u64::MAX - u64::MAX % n;
        loop {
            let bits = self.bits();
            if bits < limit {
                return bits % n;
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LogState {
    /// 0 debug … 3 error; what is less is not shown.
    pub level: u8,
    pub file: Option<String>,
    pub color: bool,
    pub timestamp: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct World {
    pub seed: Seed,
    /// Draws from the seed so far.
    pub draws: u64,
    pub rng: Rng,
    /// Milliseconds since the epoch, in thousandths, as the turn's clock stands.
    pub clock: u64,
    pub run: String,
    pub args: Vec<String>,
    /// The folder of relative paths; asked for when first needed.
    pub cwd: Option<String>,
    /// The program chose the folder itself.
    pub cwd_chosen: bool,
    pub log: LogState,
    /// Temporary files made so far, for their names.
    pub temporary: u64,
    /// Something that the world can see was done since the last `sys.checkpoint` was resumed.
    pub observed: bool,
}

impl Default for World {
    fn default() -> Self {
        Self {
            seed: Seed([0; 32]),
            draws: 0,
            rng: Rng::from_number(0, false),
            clock: 0,
            run: String::new(),
            args: Vec::new(),
            cwd: None,
            cwd_chosen: false,
            log: LogState { level: 1, file: None, color: false, timestamp: false },
            temporary: 0,
            observed: false,
        }
    }
}

impl World {
    /// The time, which goes on by a thousandth of a millisecond with each look, so that busy waits end.
    pub fn now(&mut self) -> f64 {
        self.clock = self.clock.saturating_add(1);
        (self.clock / 1000) as f64
    }

    pub fn set_clock(&mut self, ms: u64) {
        self.clock = self.clock.max(ms.saturating_mul(1000));
    }

    /// Bytes that nobody can foresee who does not know the run's seed.
    pub fn random_bytes(&mut self, out: &mut [u8]) {
        self.seed.fill(self.draws, out);
        self.draws = self.draws.wrapping_add(1);
    }

    /// Takes a new seed; the generator too, unless the program seeded it.
    pub fn reseed(&mut self, seed: Seed) {
        self.seed = seed;
        if !self.rng.by_program {
            let mut bytes = [0; 8];
            self.random_bytes(&mut bytes);
            self.rng = Rng::from_number(u64::from_le_bytes(bytes), false);
        }
    }
}
