"""The programs of the Neutron rows on CPython.

`neutron_rows.py [NAME...] [FOLDER]`: all programs without a name; with a folder also the rows of checkpoints, there.
"""
import math
import sys
import time

import neutron_checkpoint
from report import report

ROUNDS = 7


def fib(n):
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


def loop(n):
    total = 0
    for i in range(n):
        total += i
    return total


class Counter:
    def __init__(self):
        self.n = 0

    def add(self, by):
        self.n += by
        return self.n

    def value(self):
        return self.n


def methods(n):
    counter = Counter()
    total = 0
    for _ in range(n):
        counter.add(1)
        total += counter.value()
    return total


def counter():
    n = 0

    def add(by):
        nonlocal n
        n += by
        return n

    return add


def closures(rounds):
    total = 0
    for _ in range(rounds):
        step = counter()
        for j in range(10):
            total += step(j)
    return total


def strings(n):
    text = ""
    for i in range(n):
        text += "item " + str(i) + ";"
    parts = []
    for i in range(n):
        parts.append(f"<{i}:{i % 7}>")
    return len(text) + len(",".join(parts))


def arrays(n):
    items = []
    for i in range(n):
        items.append(i * 2)
    total = 0
    for _ in range(3):
        for i in range(n):
            total += items[i]
    return total


def dictionary(n):
    found = {}
    for i in range(n):
        found["k" + str(i)] = i
    total = 0
    for i in range(n):
        total += found["k" + str(i)]
    return total


def sieve(n):
    prime = []
    for i in range(n + 1):
        prime.append(True)
    count = 0
    for i in range(2, n + 1):
        if prime[i]:
            count += 1
            for j in range(i * i, n + 1, i):
                prime[j] = False
    return count


class Body:
    def __init__(self, x, y, z, vx, vy, vz, mass):
        self.x = x
        self.y = y
        self.z = z
        self.vx = vx
        self.vy = vy
        self.vz = vz
        self.mass = mass


def advance(bodies, dt):
    n = len(bodies)
    for i in range(n):
        a = bodies[i]
        for j in range(i + 1, n):
            b = bodies[j]
            dx = a.x - b.x
            dy = a.y - b.y
            dz = a.z - b.z
            square = dx * dx + dy * dy + dz * dz
            pull = dt / (square * math.sqrt(square))
            of_b = b.mass * pull
            of_a = a.mass * pull
            a.vx -= dx * of_b
            a.vy -= dy * of_b
            a.vz -= dz * of_b
            b.vx += dx * of_a
            b.vy += dy * of_a
            b.vz += dz * of_a
    for body in bodies:
        body.x += dt * body.vx
        body.y += dt * body.vy
        body.z += dt * body.vz


def energy(bodies):
    total = 0
    for i in range(len(bodies)):
        a = bodies[i]
        total += a.mass * (a.vx * a.vx + a.vy * a.vy + a.vz * a.vz) / 2
        for j in range(i + 1, len(bodies)):
            b = bodies[j]
            dx = a.x - b.x
            dy = a.y - b.y
            dz = a.z - b.z
            total -= a.mass * b.mass / math.sqrt(dx * dx + dy * dy + dz * dz)
    return total


def nbody(steps):
    bodies = [
        Body(0, 0, 0, 0, 0, 0, 40),
        Body(4.8, -1.2, -0.1, 0.6, 2.8, -0.02, 0.04),
        Body(8.3, 4.1, -0.4, -1.0, 1.8, 0.01, 0.01),
        Body(12.9, -15.1, -0.2, 1.1, 0.9, -0.01, 0.002),
        Body(15.4, -25.9, 0.2, 1.0, 0.6, -0.03, 0.002),
    ]
    for _ in range(steps):
        advance(bodies, 0.01)
    return "%.15g" % energy(bodies)


def mandelbrot(size, limit):
    inside = 0
    for row in range(size):
        ci = 2 * row / size - 1
        for column in range(size):
            cr = 2 * column / size - 1.5
            zr = 0.0
            zi = 0.0
            i = 0
            while i < limit and zr * zr + zi * zi <= 4:
                following = zr * zr - zi * zi + cr
                zi = 2 * zr * zi + ci
                zr = following
                i += 1
            if i == limit:
                inside += 1
    return inside


class Node:
    def __init__(self, left, right):
        self.left = left
        self.right = right

    def count(self):
        if self.left is None:
            return 1
        return 1 + self.left.count() + self.right.count()


def make(depth):
    if depth == 0:
        return Node(None, None)
    return Node(make(depth - 1), make(depth - 1))


def trees(depth):
    kept = make(depth)
    total = 0
    for d in range(4, depth + 1, 4):
        rounds = 2 ** (depth - d)
        for _ in range(rounds):
            total += make(d).count()
    return total + kept.count()


PROGRAMS = {
    "fib": (fib, 30),
    "loop": (loop, 10_000_000),
    "methods": (methods, 1_000_000),
    "closures": (closures, 100_000),
    "strings": (strings, 300_000),
    "arrays": (arrays, 1_000_000),
    "dictionary": (dictionary, 300_000),
    "sieve": (sieve, 1_000_000),
    "nbody": (nbody, 20_000),
    "mandelbrot": (mandelbrot, 200, 100),
    "trees": (trees, 14),
}


def measure(name):
    function, *arguments = PROGRAMS[name]
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        result = function(*arguments)
        times.append(time.perf_counter() - began)
    print(result)
    report("neutron." + name, sorted(times)[ROUNDS // 2], "s")


names = [name for name in sys.argv[1:] if name in PROGRAMS]
for name in names or PROGRAMS:
    measure(name)
for folder in sys.argv[1:]:
    if folder not in PROGRAMS:
        neutron_checkpoint.measure_all(folder)
