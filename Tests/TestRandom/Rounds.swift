import Glibc

/// How many of a test's rounds with random inputs are run: all of them where `STAGECOACH_THOROUGH` is set, as in
/// `scripts/nightly`, and a part otherwise. Their seeds are fixed, so that a round that has passed once says nothing new of the
/// same program.
package func rounds(_ all: Int, usually part: Int) -> Int {
    getenv("STAGECOACH_THOROUGH") == nil ? part : all
}
