// Kernels of the fast engine for a GPU: all ROIs of an image at once.
//
// What is counted is counted in whole numbers, whose sums do not hang on the order of threads, and
// what is summed up is summed up by one block in a fixed order: the same image gives the same bytes.
// Compiled without fused multiplication and addition, so that filters round as those of the CPU do.
//
// Every loop over threads and blocks also works with one thread: tests compile this file for the CPU.
//
// Words: a `voxel` is a place in the list of all ROIs' voxels; `cell[v]` is its place among the padded
// boxes of all ROIs; a `line` is one direction of one ROI. Numbers of voxels of one ROI fit 32 bits.

typedef long long Long;

#define THREAD (threadIdx.x)
#define THREADS (blockDim.x)
#define EPSILON 2.220446049250313e-16
#define CLOSE 1e-10
#define SMALL 1e-3
#define SURE 0.1
#define FIRST_LOOK 5
#define MORE 1.25
#define NOISE 0.01
#define EMPHASES 16
#define SUMMARIES 23

// Sums and extremes over a block, the same for every thread; `scratch` has a place for each thread.
__device__ double block_sum(double value, double *scratch) {
  scratch[THREAD] = value;
  __syncthreads();
  for (int half = THREADS / 2; half > 0; half /= 2) {
    if (THREAD < half) scratch[THREAD] += scratch[THREAD + half];
    __syncthreads();
  }
  double total = scratch[0];
  __syncthreads();
  return total;
}

__device__ double block_max(double value, double *scratch) {
  scratch[THREAD] = value;
  __syncthreads();
  for (int half = THREADS / 2; half > 0; half /= 2) {
    if (THREAD < half && scratch[THREAD + half] > scratch[THREAD])
      scratch[THREAD] = scratch[THREAD + half];
    __syncthreads();
  }
  double found = scratch[0];
  __syncthreads();
  return found;
}

// ---------------------------------------------------------------------------------- grey levels

// Least and greatest value of each ROI: one block each.
extern "C" __global__ void extremes(const double *values, const Long *first, double *least,
                                    double *greatest) {
  extern __shared__ double scratch[];
  Long begin = first[blockIdx.x], end = first[blockIdx.x + 1];
  double low = values[begin], high = values[begin];
  for (Long v = begin + THREAD; v < end; v += THREADS) {
    low = values[v] < low ? values[v] : low;
    high = values[v] > high ? values[v] : high;
  }
  low = -block_max(-low, scratch);
  high = block_max(high, scratch);
  if (THREAD == 0) {
    least[blockIdx.x] = low;
    greatest[blockIdx.x] = high;
  }
}

// Bin of each voxel, from 0, and the voxels of each bin; edges ascend and are evenly apart, but for
// the last.
extern "C" __global__ void levels(const double *values, const int *owner, Long voxels,
                                  const double *edges, const Long *first_edge, int *bin,
                                  int *histogram) {
  for (Long v = (Long)blockIdx.x * THREADS + THREAD; v < voxels; v += (Long)gridDim.x * THREADS) {
    const double *edge = edges + first_edge[owner[v]];
    int last = (int)(first_edge[owner[v] + 1] - first_edge[owner[v]]) - 1;
    double value = values[v], guess = (value - edge[0]) / (edge[1] - edge[0]);
    int level = (int)(guess < 0 ? 0 : guess > last ? last : guess);
    while (level > 0 && value < edge[level]) level--;
    while (level < last && value >= edge[level + 1]) level++;
    bin[v] = level;
    atomicAdd(&histogram[first_edge[owner[v]] + level], 1);
  }
}

// Put each voxel's rank among the levels that occur into its cell.
extern "C" __global__ void fill(const int *bin, const int *owner, const Long *cell, Long voxels,
                                const int *rank, const Long *first_edge, int *cells) {
  for (Long v = (Long)blockIdx.x * THREADS + THREAD; v < voxels; v += (Long)gridDim.x * THREADS)
    cells[cell[v]] = rank[first_edge[owner[v]] + bin[v]];
}

// ------------------------------------------------------------------------------------- counting

// Pairs of levels along each line; blocks (line, share). `fits`: the counts of a line fit into shared
// memory.
extern "C" __global__ void pairs(const int *cells, const Long *cell, const Long *first,
                                 const int *owner_of_line, const Long *offset, const int *number,
                                 const Long *first_pair, int room, int *counts) {
  extern __shared__ int counter[];
  int line = blockIdx.x, roi = owner_of_line[line], n = number[roi];
  int *found = counts + first_pair[line];
  bool shared = n * n <= room;
  if (shared) {
    for (int k = THREAD; k < n * n; k += THREADS) counter[k] = 0;
    __syncthreads();
  }
  for (Long v = first[roi] + (Long)blockIdx.y * THREADS + THREAD; v < first[roi + 1];
       v += (Long)gridDim.y * THREADS) {
    int other = cells[cell[v] + offset[line]];
    if (other == 0) continue;
    int place = (cells[cell[v]] - 1) * n + other - 1;
    if (shared)
      atomicAdd(&counter[place], 1);
    else
      atomicAdd(&found[place], 1);
  }
  if (shared) {
    __syncthreads();
    for (int k = THREAD; k < n * n; k += THREADS)
      if (counter[k]) atomicAdd(&found[k], counter[k]);
  }
}

// Runs of one level along each line; blocks (line, share). A run is counted where it begins.
extern "C" __global__ void runs(const int *cells, const Long *cell, const Long *first,
                                const int *owner_of_line, const Long *offset, const int *longest,
                                const Long *first_run, int *counts, int *touches) {
  int line = blockIdx.x, roi = owner_of_line[line];
  Long step = offset[line];
  for (Long v = first[roi] + (Long)blockIdx.y * THREADS + THREAD; v < first[roi + 1];
       v += (Long)gridDim.y * THREADS) {
    int level = cells[cell[v]], before = cells[cell[v] - step];
    if (before > 0) touches[line] = 1;
    if (before == level) continue;
    int length = 1;
    while (cells[cell[v] + length * step] == level) length++;
    atomicAdd(&counts[first_run[line] + (Long)(level - 1) * longest[roi] + length - 1], 1);
  }
}

// The zone a cell belongs to is named by its first cell (Komura 2015; Playne and Hawick 2018). The
// way there is halved as it is gone: a cell that is not the first of a zone never is again, so that
// no write of another thread is lost but one that leads to the same zone.
__device__ Long zone_of(Long *parent, Long place) {
  Long next = parent[place];
  while (next != place) {
    Long after = parent[next];
    if (after != next) parent[place] = after;
    place = next;
    next = after;
  }
  return place;
}

extern "C" __global__ void unite(const int *cells, const Long *cell, const int *owner, Long voxels,
                                 const Long *first_line, const Long *offset, Long *parent) {
  for (Long v = (Long)blockIdx.x * THREADS + THREAD; v < voxels; v += (Long)gridDim.x * THREADS) {
    Long place = cell[v];
    for (Long line = first_line[owner[v]]; line < first_line[owner[v] + 1]; line++) {
      Long other = place + offset[line];
      if (cells[other] != cells[place]) continue;
      Long a = zone_of(parent, place), b = zone_of(parent, other);
      while (a != b) {
        if (a < b) {
          Long swap = a;
          a = b;
          b = swap;
        }
        Long before = atomicMin(&parent[a], b);
        if (before == a) break;
        a = zone_of(parent, before);
        b = zone_of(parent, b);
      }
    }
  }
}

extern "C" __global__ void measure(const Long *cell, Long voxels, Long *parent, int *size) {
  for (Long v = (Long)blockIdx.x * THREADS + THREAD; v < voxels; v += (Long)gridDim.x * THREADS)
    atomicAdd(&size[zone_of(parent, cell[v])], 1);
}

// Zones by level and by the rank of their size.
extern "C" __global__ void count_zones(const Long *roots, const int *owner, const int *column,
                                       Long zones, const int *cells, const Long *first_zone,
                                       const int *columns, int *counts) {
  for (Long k = (Long)blockIdx.x * THREADS + THREAD; k < zones; k += (Long)gridDim.x * THREADS) {
    int roi = owner[k];
    atomicAdd(&counts[first_zone[roi] + (Long)(cells[roots[k]] - 1) * columns[roi] + column[k]], 1);
  }
}

// Neighbours of each voxel: how many are of its level (`alike`), and, by their number, how far its
// level times that number is from the sum of theirs (`apart`, to be divided by it).
extern "C" __global__ void neighbours(const int *cells, const Long *cell, const int *owner,
                                      Long voxels, const Long *first_line, const Long *offset,
                                      const int *grey, const Long *first_level,
                                      const Long *first_alike, int *alike,
                                      unsigned long long *apart) {
  for (Long v = (Long)blockIdx.x * THREADS + THREAD; v < voxels; v += (Long)gridDim.x * THREADS) {
    int roi = owner[v], level = cells[cell[v]], same = 0, number = 0;
    const int *tone = grey + first_level[roi] - 1;
    Long total = 0;
    for (Long line = first_line[roi]; line < first_line[roi + 1]; line++) {
      for (int way = -1; way <= 1; way += 2) {
        int other = cells[cell[v] + way * offset[line]];
        if (other == 0) continue;
        number++;
        total += tone[other];
        same += other == level;
      }
    }
    Long width = 2 * (first_line[roi + 1] - first_line[roi]) + 1;
    Long row = first_alike[roi] + (level - 1) * width;
    atomicAdd(&alike[row + same], 1);
    if (number) {
      Long gap = (Long)tone[level] * number - total;
      atomicAdd(&apart[row + number], (unsigned long long)(gap < 0 ? -gap : gap));
    }
  }
}

// ---------------------------------------------------------------------------- matrices to features

// What run, zone and dependence matrices are summed up by, one block a matrix; see `emphases` of the
// CPU's kernels. `totals` has a place for each row and each column of each matrix.
extern "C" __global__ void emphases(const int *counts, const Long *first, const int *rows,
                                    const int *columns, const int *grey, const Long *first_grey,
                                    const double *sizes, const Long *first_size, Long *totals,
                                    const Long *first_total, double *found) {
  extern __shared__ double scratch[];
  int k = blockIdx.x, n = rows[k], m = columns[k];
  const int *matrix = counts + first[k], *tone = grey + first_grey[k];
  const double *size = sizes + first_size[k];
  Long *by_level = totals + first_total[k], *by_size = by_level + n;
  for (int i = THREAD; i < n; i += THREADS) {
    by_level[i] = 0;
    for (int j = 0; j < m; j++) by_level[i] += matrix[(Long)i * m + j];
  }
  for (int j = THREAD; j < m; j += THREADS) {
    by_size[j] = 0;
    for (int i = 0; i < n; i++) by_size[j] += matrix[(Long)i * m + j];
  }
  __syncthreads();
  double all = 0, mean_level = 0, mean_size = 0, sum[EMPHASES];
  for (int e = 0; e < EMPHASES; e++) sum[e] = 0;
  for (int i = THREAD; i < n; i += THREADS) all += by_level[i];
  all = block_sum(all, scratch);
  for (int i = THREAD; i < n; i += THREADS) mean_level += (double)by_level[i] * tone[i];
  for (int j = THREAD; j < m; j += THREADS) mean_size += (double)by_size[j] * size[j];
  mean_level = block_sum(mean_level, scratch) / all;
  double number = block_sum(mean_size, scratch);
  mean_size = number / all;
  for (int i = THREAD; i < n; i += THREADS) {
    double g = tone[i], g2 = g * g, count = (double)by_level[i];
    sum[2] += count * count / all;
    sum[7] += count / all * (g - mean_level) * (g - mean_level);
    sum[10] += count / g2 / all;
    sum[11] += count * g2 / all;
  }
  for (int j = THREAD; j < m; j += THREADS) {
    double s = size[j], s2 = s * s, count = (double)by_size[j];
    sum[0] += count / s2 / all;
    sum[1] += count * s2 / all;
    sum[4] += count * count / all;
    sum[8] += count / all * (s - mean_size) * (s - mean_size);
  }
  for (Long c = THREAD; c < (Long)n * m; c += THREADS) {
    if (matrix[c] == 0) continue;
    double g = tone[c / m], s = size[c % m], g2 = g * g, s2 = s * s, each = matrix[c] / all;
    sum[9] -= each * log2(each + EPSILON);
    sum[12] += each / (g2 * s2);
    sum[13] += each * g2 / s2;
    sum[14] += each * s2 / g2;
    sum[15] += each * g2 * s2;
  }
  for (int e = 0; e < EMPHASES; e++) sum[e] = block_sum(sum[e], scratch);
  sum[3] = sum[2] / all;
  sum[5] = sum[4] / all;
  sum[6] = all / number;
  if (THREAD == 0)
    for (int e = 0; e < EMPHASES; e++)
      found[(Long)k * EMPHASES + e] = all > 0 ? sum[e] : nan("");
}

// Features of co-occurrence matrices, one block each; see `summaries` of the CPU's kernels. `chances`
// becomes the symmetric matrix of chances, `margins` its margins.
extern "C" __global__ void cooccurrence(const int *counts, const Long *first, const int *rows,
                                        const int *grey, const Long *first_grey,
                                        const int *highest, double *chances, double *margins,
                                        const Long *first_margin, int *tallies,
                                        const Long *first_tally, double *found) {
  extern __shared__ double scratch[];
  int k = blockIdx.x, n = rows[k], top = highest[k];
  const int *matrix = counts + first[k], *tone = grey + first_grey[k];
  double *p = chances + first[k], *margin = margins + first_margin[k];
  int *sums = tallies + first_tally[k], *gaps = sums + 2 * top + 1;
  for (int i = THREAD; i < 3 * top + 1; i += THREADS) sums[i] = 0;
  double total = 0;
  for (Long c = THREAD; c < (Long)n * n; c += THREADS) total += matrix[c];
  total = 2 * block_sum(total, scratch);
  double *out = found + (Long)k * SUMMARIES;
  if (total == 0) {
    for (int e = THREAD; e < SUMMARIES; e += THREADS) out[e] = nan("");
    for (Long c = THREAD; c < (Long)n * n; c += THREADS) p[c] = 0;
    for (int i = THREAD; i < n; i += THREADS) margin[i] = 0;
    return;
  }
  for (Long c = THREAD; c < (Long)n * n; c += THREADS) {
    int i = c / n, j = c % n, both = matrix[c] + matrix[(Long)j * n + i];
    p[c] = both / total;
    if (both == 0) continue;
    atomicAdd(&sums[tone[i] + tone[j]], both);
    atomicAdd(&gaps[tone[i] > tone[j] ? tone[i] - tone[j] : tone[j] - tone[i]], both);
  }
  __syncthreads();
  double mean = 0, variance = 0, margin_entropy = 0;
  for (int i = THREAD; i < n; i += THREADS) {
    double row = 0;
    for (int j = 0; j < n; j++) row += matrix[(Long)i * n + j] + matrix[(Long)j * n + i];
    margin[i] = row / total;
    mean += margin[i] * tone[i];
    margin_entropy -= margin[i] * log2(margin[i] + EPSILON);
  }
  mean = block_sum(mean, scratch);
  margin_entropy = block_sum(margin_entropy, scratch);
  for (int i = THREAD; i < n; i += THREADS)
    variance += margin[i] * (tone[i] - mean) * (tone[i] - mean);
  variance = block_sum(variance, scratch);
  double automatic = 0, prominence = 0, shade = 0, tendency = 0, contrast = 0, covariance = 0;
  double energy = 0, entropy = 0, as_if_apart = 0, apart = 0, most = 0;
  for (Long c = THREAD; c < (Long)n * n; c += THREADS) {
    int i = c / n, j = c % n;
    double product = margin[i] * margin[j], log_product = log2(product + EPSILON), chance = p[c];
    apart -= product * log_product;
    if (chance == 0) continue;
    double off_i = tone[i] - mean, off_j = tone[j] - mean, off = off_i + off_j, off_2 = off * off;
    double gap = tone[i] - tone[j];
    automatic += chance * tone[i] * tone[j];
    tendency += chance * off_2;
    shade += chance * off_2 * off;
    prominence += chance * off_2 * off_2;
    contrast += chance * gap * gap;
    covariance += chance * off_i * off_j;
    energy += chance * chance;
    entropy -= chance * log2(chance + EPSILON);
    as_if_apart -= chance * log_product;
    most = chance > most ? chance : most;
  }
  automatic = block_sum(automatic, scratch);
  prominence = block_sum(prominence, scratch);
  shade = block_sum(shade, scratch);
  tendency = block_sum(tendency, scratch);
  contrast = block_sum(contrast, scratch);
  covariance = block_sum(covariance, scratch);
  energy = block_sum(energy, scratch);
  entropy = block_sum(entropy, scratch);
  as_if_apart = block_sum(as_if_apart, scratch);
  apart = block_sum(apart, scratch);
  most = block_max(most, scratch);
  double difference = 0, difference_entropy = 0, difference_variance = 0, idm = 0, idmn = 0;
  double id = 0, idn = 0, inverse_variance = 0, sum_average = 0, sum_entropy = 0;
  for (int g = THREAD; g < top; g += THREADS) difference += g * (gaps[g] / total);
  difference = block_sum(difference, scratch);
  for (int g = THREAD; g < top; g += THREADS) {
    double share = gaps[g] / total, d = g;
    difference_entropy -= share * log2(share + EPSILON);
    difference_variance += share * (d - difference) * (d - difference);
    idm += share / (1 + d * d);
    idmn += share / (1 + d * d / ((double)top * top));
    id += share / (1 + d);
    idn += share / (1 + d / top);
    if (g > 0) inverse_variance += share / (d * d);
  }
  for (int g = THREAD; g <= 2 * top; g += THREADS) {
    double share = sums[g] / total;
    sum_average += g * share;
    sum_entropy -= share * log2(share + EPSILON);
  }
  double correlation = variance != 0 ? covariance / (variance + EPSILON) : 1;
  double imc1 = margin_entropy != 0 ? (entropy - as_if_apart) / margin_entropy : 0;
  double imc2 = apart != entropy ? sqrt(1 - exp(-2 * (apart - entropy))) : 0;
  difference_entropy = block_sum(difference_entropy, scratch);
  difference_variance = block_sum(difference_variance, scratch);
  idm = block_sum(idm, scratch);
  idmn = block_sum(idmn, scratch);
  id = block_sum(id, scratch);
  idn = block_sum(idn, scratch);
  inverse_variance = block_sum(inverse_variance, scratch);
  sum_average = block_sum(sum_average, scratch);
  sum_entropy = block_sum(sum_entropy, scratch);
  if (THREAD != 0) return;
  double all[SUMMARIES] = {automatic,  mean,        prominence,
                           shade,      tendency,    contrast,
                           correlation, difference, difference_entropy,
                           difference_variance, energy, entropy,
                           imc1,       imc2,        idm,
                           idmn,       id,          idn,
                           inverse_variance, most,  sum_average,
                           sum_entropy, variance};
  for (int e = 0; e < SUMMARIES; e++) out[e] = all[e];
}

// -------------------------------------------------------------- maximal correlation coefficient

// One block a matrix; what it does is told in `fast/spectrum.py`. `room` of matrix k begins at
// first_room[k] and holds two matrices and eight vectors of its n levels. NaN where the CPU must
// solve Q itself, which includes matrices of several parts that share no pair.

__device__ double dot(const double *a, const double *b, int n, double *scratch) {
  double total = 0;
  for (int i = THREAD; i < n; i += THREADS) total += a[i] * b[i];
  return block_sum(total, scratch);
}

__device__ void take_off(double *a, const double *b, double times, int n) {
  for (int i = THREAD; i < n; i += THREADS) a[i] -= times * b[i];
  __syncthreads();
}

// By one thread: eigenvalues of a tridiagonal matrix, and the last element of each eigenvector.
__device__ void solve_tridiagonal(double *d, double *e, double *ends, int n) {
  e[n - 1] = 0;
  for (int i = 0; i < n; i++) ends[i] = i == n - 1;
  for (int first = 0; first < n; first++) {
    for (;;) {
      int m = first;
      while (m < n - 1 && fabs(e[m]) > EPSILON * (fabs(d[m]) + fabs(d[m + 1]))) m++;
      if (m == first) break;
      double g = (d[first + 1] - d[first]) / (2 * e[first]), r = sqrt(g * g + 1);
      g = d[m] - d[first] + e[first] / (g + (g >= 0 ? r : -r));
      double sine = 1, cosine = 1, p = 0;
      int i = m - 1;
      for (; i >= first; i--) {
        double f = sine * e[i], b = cosine * e[i];
        r = sqrt(f * f + g * g);
        e[i + 1] = r;
        if (r == 0) {
          d[i + 1] -= p;
          break;
        }
        sine = f / r;
        cosine = g / r;
        g = d[i + 1] - p;
        r = (d[i] - g) * sine + 2 * cosine * b;
        p = sine * r;
        d[i + 1] = g + p;
        g = cosine * r - b;
        f = ends[i + 1];
        ends[i + 1] = sine * ends[i] + cosine * f;
        ends[i] = cosine * ends[i] - sine * f;
      }
      if (i < first) {
        d[first] -= p;
        e[first] = g;
      }
      e[m] = 0;
    }
  }
}

// By one thread: the eigenvector of a tridiagonal matrix that belongs to an eigenvalue.
__device__ void eigenvector(const double *d, const double *e, double root, int n, double *down,
                            double *up, double *vector) {
  const double tiny = EPSILON * EPSILON;
  down[0] = d[0] - root;
  up[n - 1] = d[n - 1] - root;
  for (int i = 1; i < n; i++) {
    double before = fabs(down[i - 1]) > tiny ? down[i - 1] : tiny;
    down[i] = d[i] - root - e[i - 1] * e[i - 1] / before;
  }
  for (int i = n - 2; i >= 0; i--) {
    double after = fabs(up[i + 1]) > tiny ? up[i + 1] : tiny;
    up[i] = d[i] - root - e[i] * e[i] / after;
  }
  int best = 0;
  for (int i = 1; i < n; i++)
    if (fabs(down[i] + up[i] - (d[i] - root)) < fabs(down[best] + up[best] - (d[best] - root)))
      best = i;
  vector[best] = 1;
  double length = 1;
  for (int i = best - 1; i >= 0; i--) {
    vector[i] = -e[i] * vector[i + 1] / (fabs(down[i]) > tiny ? down[i] : tiny);
    length += vector[i] * vector[i];
  }
  for (int i = best + 1; i < n; i++) {
    vector[i] = -e[i - 1] * vector[i - 1] / (fabs(up[i]) > tiny ? up[i] : tiny);
    length += vector[i] * vector[i];
  }
  for (int i = 0; i < n; i++) vector[i] /= sqrt(length);
}

extern "C" __global__ void second_eigenvalue(const double *chances, const Long *first,
                                             const int *rows, const double *margins,
                                             const Long *first_margin, double *rooms,
                                             const Long *first_room, double *found) {
  extern __shared__ double scratch[];
  __shared__ double root, next_root, error;
  __shared__ int known;
  int k = blockIdx.x, all = rows[k];
  const double *p = chances + first[k], *every = margins + first_margin[k];
  // Levels without a pair in this direction are left out. `places` holds those that are left.
  double *s = rooms + first_room[k], *basis = s + (Long)all * all;
  double *m = basis + (Long)all * all, *top = m + all, *fresh = top + all, *vector = fresh + all;
  double *diagonal = vector + all, *beside = diagonal + all, *d = beside + all, *e = d + all;
  double *ends = e + all, *places = ends + all;
  if (THREAD == 0) {
    int n = 0;
    for (int i = 0; i < all; i++)
      if (every[i] > 0) places[n++] = i;
    known = n;
  }
  __syncthreads();
  int n = known;
  if (n < 2) {
    if (THREAD == 0) found[k] = n == 1 ? 0 : nan("");
    return;
  }
  for (int i = THREAD; i < n; i += THREADS) {
    m[i] = every[(int)places[i]];
    top[i] = sqrt(m[i]);
  }
  __syncthreads();
  for (Long c = THREAD; c < (Long)n * n; c += THREADS) {
    int i = c / n, j = c % n;
    s[c] = p[(Long)(int)places[i] * all + (int)places[j]] / (top[i] * top[j]);
  }
  if (THREAD == 0) {
    unsigned long long state = 1;
    for (int i = 0; i < n; i++) {
      state = state * 16807 % 2147483647ULL;
      double noise = state / 2147483647.0 - 0.5;
      fresh[i] = top[i] * ((i + 0.5) / n - 0.5) + NOISE * noise;
    }
  }
  __syncthreads();
  for (int twice = 0; twice < 2; twice++) {
    take_off(fresh, top, dot(fresh, top, n, scratch), n);
    double length = sqrt(dot(fresh, fresh, n, scratch));
    for (int i = THREAD; i < n; i += THREADS) fresh[i] /= length;
    __syncthreads();
  }
  int look = FIRST_LOOK, steps = n - 1, step = 0;
  for (; step < steps; step++) {
    double *here = basis + (Long)step * n;
    for (int i = THREAD; i < n; i += THREADS) here[i] = fresh[i];
    __syncthreads();
    for (int j = THREAD; j < n; j += THREADS) {
      double total = 0;
      for (int i = 0; i < n; i++) total += here[i] * s[(Long)i * n + j];
      fresh[j] = total;
    }
    __syncthreads();
    double length = dot(fresh, here, n, scratch);
    if (THREAD == 0) diagonal[step] = length;
    for (int i = step; i >= 0; i--)
      take_off(fresh, basis + (Long)i * n, dot(fresh, basis + (Long)i * n, n, scratch), n);
    take_off(fresh, top, dot(fresh, top, n, scratch), n);
    length = sqrt(dot(fresh, fresh, n, scratch));
    bool last = step == steps - 1 || length < CLOSE;
    if (last || step + 1 >= look) {
      look = (int)(MORE * look) + 1;
      if (THREAD == 0) {
        for (int i = 0; i <= step; i++) {
          d[i] = diagonal[i];
          e[i] = i < step ? beside[i] : 0;
        }
        solve_tridiagonal(d, e, ends, step + 1);
        int best = 0;
        for (int i = 1; i <= step; i++)
          if (fabs(d[i]) > fabs(d[best])) best = i;
        double gap = 1;
        next_root = 0;
        for (int i = 0; i <= step; i++) {
          if (i == best) continue;
          if (fabs(d[i]) > fabs(next_root)) next_root = d[i];
          if (fabs(d[i] - d[best]) < gap) gap = fabs(d[i] - d[best]);
        }
        double residual = fabs(ends[best]) * length;
        root = d[best];
        error = residual * residual / (gap > CLOSE ? gap : CLOSE);
        if (residual < error) error = residual;
      }
      __syncthreads();
      if (last || error < CLOSE * fabs(root)) break;
    }
    if (THREAD == 0) beside[step] = length;
    for (int i = THREAD; i < n; i += THREADS) fresh[i] /= length;
    __syncthreads();
  }
  // `step` is the last one done; its eigenvector gives that of S.
  if (THREAD == 0) eigenvector(diagonal, beside, root, step + 1, d, e, ends);
  __syncthreads();
  for (int j = THREAD; j < n; j += THREADS) {
    double total = 0;
    for (int i = 0; i <= step; i++) total += ends[i] * basis[(Long)i * n + j];
    vector[j] = total;
  }
  __syncthreads();
  for (int i = THREAD; i < n; i += THREADS) {
    double moved = 0;
    for (int j = 0; j < n; j++)
      moved -= s[(Long)j * n + i] * (EPSILON / (m[i] * m[j] + EPSILON)) * vector[j];
    fresh[i] = moved;
  }
  __syncthreads();
  double along = dot(fresh, vector, n, scratch);
  take_off(fresh, vector, along, n);
  double across = sqrt(dot(fresh, fresh, n, scratch));
  double value = root * root, near = CLOSE * (value > SMALL ? value : SMALL);
  double gap = value - next_root * next_root;
  if (1 - value < gap) gap = 1 - value;
  bool unsure = 1 - value <= CLOSE ||
                (fabs(root) * across > near && fabs(root) * across * across > SURE * near * gap);
  if (THREAD == 0) found[k] = unsure ? nan("") : value + root * along;
}

// ------------------------------------------------------------------------------------ first order

// Of each ROI's values in order, one block each: mean, mean absolute deviation, second to fourth
// moment, sum of squares of values shifted, and robust mean absolute deviation.
extern "C" __global__ void moments(const double *values, const Long *first, const double *low,
                                   const double *high, double shift, double *found) {
  extern __shared__ double scratch[];
  Long begin = first[blockIdx.x], end = first[blockIdx.x + 1];
  double n = end - begin, from = low[blockIdx.x], to = high[blockIdx.x];
  double mean = 0, inner = 0, number = 0, energy = 0;
  for (Long v = begin + THREAD; v < end; v += THREADS) {
    double value = values[v];
    mean += value;
    energy += (value + shift) * (value + shift);
    if (value >= from && value <= to) {
      inner += value;
      number += 1;
    }
  }
  mean = block_sum(mean, scratch) / n;
  energy = block_sum(energy, scratch);
  number = block_sum(number, scratch);
  inner = block_sum(inner, scratch) / number;
  double off = 0, robust = 0, m2 = 0, m3 = 0, m4 = 0;
  for (Long v = begin + THREAD; v < end; v += THREADS) {
    double value = values[v], each = value - mean;
    off += fabs(each);
    m2 += each * each;
    m3 += each * each * each;
    m4 += each * each * (each * each);
    if (value >= from && value <= to) robust += fabs(value - inner);
  }
  off = block_sum(off, scratch) / n;
  m2 = block_sum(m2, scratch) / n;
  m3 = block_sum(m3, scratch) / n;
  m4 = block_sum(m4, scratch) / n;
  robust = block_sum(robust, scratch) / number;
  if (THREAD == 0) {
    double all[7] = {mean, off, m2, m3, m4, energy, robust};
    for (int e = 0; e < 7; e++) found[(Long)blockIdx.x * 7 + e] = all[e];
  }
}

// ---------------------------------------------------------------------------------------- filters

// Recursive Gaussian along one axis, a thread a line; see `fast/recursive.py`, whose order of
// operations it keeps. `how` holds weights forward, backward, feedback, and both edges' feedback.
// Lines are numbered by the two other axes: inner and outer.
template <typename Number>
__device__ void recurse(const Number *given, Long length, Long step, Long inner, Long inner_step,
                        Long lines, Long outer_step, const double *how, Long start, Long stop,
                        double *forward, float *found, Long found_step, Long found_inner_step,
                        Long found_outer_step) {
  const double *n = how, *m = how + 4, *d = how + 8, *before = how + 12, *after = how + 16;
  for (Long line = (Long)blockIdx.x * THREADS + THREAD; line < lines;
       line += (Long)gridDim.x * THREADS) {
    const Number *g = given + line % inner * inner_step + line / inner * outer_step;
    float *to = found + line % inner * found_inner_step + line / inner * found_outer_step;
    double *kept = forward + line;
    double r1 = 0, r2 = 0, r3 = 0, r4 = 0;
    double border = g[0], g1 = border, g2 = border, g3 = border, g4;
    for (Long i = 0; i < stop; i++) {
      double g0 = g[i * step];
      double r = g0 * n[0] + g1 * n[1] + g2 * n[2] + g3 * n[3];
      double off = (i > 0 ? r1 * d[0] : border * before[0]) +
                   (i > 1 ? r2 * d[1] : border * before[1]);
      off += i > 2 ? r3 * d[2] : border * before[2];
      off += i > 3 ? r4 * d[3] : border * before[3];
      r -= off;
      g3 = g2, g2 = g1, g1 = g0;
      r4 = r3, r3 = r2, r2 = r1, r1 = r;
      if (i >= start) kept[(i - start) * lines] = r;
    }
    border = g[(length - 1) * step];
    g1 = g2 = g3 = g4 = border;
    r1 = r2 = r3 = r4 = 0;
    for (Long k = 0; k < length - start; k++) {
      Long i = length - 1 - k;
      double r = g1 * m[0] + g2 * m[1] + g3 * m[2] + g4 * m[3];
      double off = (k > 0 ? r1 * d[0] : border * after[0]) +
                   (k > 1 ? r2 * d[1] : border * after[1]);
      off += k > 2 ? r3 * d[2] : border * after[2];
      off += k > 3 ? r4 * d[3] : border * after[3];
      r -= off;
      g4 = g3, g3 = g2, g2 = g1, g1 = g[i * step];
      r4 = r3, r3 = r2, r2 = r1, r1 = r;
      if (i < stop) to[(i - start) * found_step] = (float)(kept[(i - start) * lines] + r);
    }
  }
}

#define RECURSIVE(name, Number)                                                                  \
  extern "C" __global__ void name(const Number *given, Long length, Long step, Long inner,        \
                                  Long inner_step, Long lines, Long outer_step,                   \
                                  const double *how, Long start, Long stop, double *forward,      \
                                  float *found, Long found_step, Long found_inner_step,           \
                                  Long found_outer_step) {                                        \
    recurse<Number>(given, length, step, inner, inner_step, lines, outer_step, how, start, stop,  \
                    forward, found, found_step, found_inner_step, found_outer_step);              \
  }
RECURSIVE(recursive_double, double)
RECURSIVE(recursive_float, float)

// total = total + part * weight, rounded as ITK does.
extern "C" __global__ void add_rounded(float *total, const float *part, double weight, Long n) {
  for (Long i = (Long)blockIdx.x * THREADS + THREAD; i < n; i += (Long)gridDim.x * THREADS)
    total[i] = (float)((double)total[i] + (double)part[i] * weight);
}

// One axis of an undecimated wavelet transform, periodic, by PyWavelets' order of operations.
template <typename Number>
__device__ void convolve(const Number *given, Long n, Long length, Long step, const Number *filter,
                         int taps, Number *found) {
  for (Long i = (Long)blockIdx.x * THREADS + THREAD; i < n; i += (Long)gridDim.x * THREADS) {
    Long place = i / step % length, base = i - place * step;
    Number total = 0;
    // Taps that reach beyond the end come first, the last of them first.
    int beyond = (int)(place + taps / 2 - length);
    for (int k = 0; k < taps; k++) {
      int j = k <= beyond ? beyond - k : k;
      Long from = (place + taps / 2 - j) % length;
      total += filter[j] * given[base + (from < 0 ? from + length : from) * step];
    }
    found[i] = total;
  }
}

extern "C" __global__ void convolve_double(const double *given, Long n, Long length, Long step,
                                           const double *filter, int taps, double *found) {
  convolve<double>(given, n, length, step, filter, taps, found);
}

extern "C" __global__ void convolve_float(const float *given, Long n, Long length, Long step,
                                          const float *filter, int taps, float *found) {
  convolve<float>(given, n, length, step, filter, taps, found);
}
