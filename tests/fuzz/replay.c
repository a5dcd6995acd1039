/* Runs a fuzzer's entry point over every file of a directory, once, without libFuzzer: so each
 * corpus, and each input that once crashed, is an ordinary test with any compiler. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input is given in a block of exactly its size, so that AddressSanitizer sees one byte more.
 */
static int replay_file(const char *path)
{
	struct stat st;
	uint8_t *data;
	FILE *f = fopen(path, "rb");
	int result = -1;

	if (!f || fstat(fileno(f), &st) < 0 || !S_ISREG(st.st_mode)) {
		if (f)
			fclose(f);
		return 0;
	}
	data = malloc(st.st_size ? st.st_size : 1);
	if (data && fread(data, 1, st.st_size, f) == (size_t)st.st_size) {
		LLVMFuzzerTestOneInput(data, st.st_size);
		result = 1;
	}
	free(data);
	fclose(f);
	return result;
}

int main(int argc, char **argv)
{
	struct dirent *entry;
	char path[4096];
	int files = 0, n;
	DIR *dir;

	if (argc != 2) {
		fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
		return 2;
	}
	dir = opendir(argv[1]);
	if (!dir) {
		fprintf(stderr, "%s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		n = replay_file(path);
		if (n < 0) {
			fprintf(stderr, "%s: not readable\n", path);
			closedir(dir);
			return 1;
		}
		files += n;
	}
	closedir(dir);
	printf("%d inputs\n", files);
	return files ? 0 : 1; /* an empty corpus tests nothing */
}
