#include <stdio.h>
#include <stdlib.h>

/* Length of a lunation in seconds, and a new moon: 2000-01-06 18:14 UTC. */
#define LUNATION 2551442.8
#define NEW_MOON 947182440.0

int main(int argc, char **argv)
{
    static const char *const phases[] = {
        "new", "waxing crescent", "first quarter", "waxing gibbous", "full", "waning gibbous", "last quarter", "waning crescent",
    };
    if (argc != 2) {
        fprintf(stderr, "usage: moon SECONDS-SINCE-1970\n");
        return 2;
    }
    double lunations = (atof(argv[1]) - NEW_MOON) / LUNATION;
    double age = lunations - (double)(long)lunations;
    puts(phases[(int)(age * 8 + 0.5) % 8]);
    return 0;
}
